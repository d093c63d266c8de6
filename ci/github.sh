#!/usr/bin/env bash
# What action.yml runs: compares a pull request with its base, says it in the job's summary, in
# annotations and in one comment, and fails for errors, denied changes and trees that are not built.
#
# Reads FLUXGEN_CONFIG, FLUXGEN_BASE, FLUXGEN_DENY, FLUXGEN_COMMENT, FLUXGEN_TOKEN and GitHub's own
# variables. Exit codes are those of fluxgen.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

config=${FLUXGEN_CONFIG:-fluxgen.toml}
deny=${FLUXGEN_DENY:-}
fluxgen=${FLUXGEN:-fluxgen}
token=${FLUXGEN_TOKEN:-}
unset FLUXGEN_TOKEN
comment_help="give the job \`permissions: pull-requests: write\`; a pull request from a fork has no such right, and its report is in the job's summary"
out=$(mktemp -d "${RUNNER_TEMP:-/tmp}/fluxgen.XXXXXX")
event=${GITHUB_EVENT_PATH:-/dev/null}

for program in git jq curl "$fluxgen"; do
  command -v "$program" >/dev/null || fail "\`$program\` is not on the PATH"
done
git rev-parse --git-dir >/dev/null || fail "this is no clone of a repository" "check it out first, with actions/checkout"
need_outside "$fluxgen"
[ -f "$config" ] || fail "there is no file \`$config\`" "name it with the input \`config\`"

# A checkout that kept no credentials cannot fetch from a private repository. Two of the same header
# would be refused.
if [ -n "$token" ] && ! git config --get-regexp '^http\..*extraheader$' >/dev/null; then
  export GIT_CONFIG_COUNT=1
  export GIT_CONFIG_KEY_0="http.${GITHUB_SERVER_URL:-https://github.com}/.extraheader"
  GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$token" | base64 | tr -d '\n')"
  export GIT_CONFIG_VALUE_0
fi

event_value() { jq --raw-output "$1 // empty" "$event" 2>/dev/null || true; }

# The base: the input, or what the event says.
find_base() {
  local parents before
  if [ -n "${FLUXGEN_BASE:-}" ]; then
    resolve_base "$FLUXGEN_BASE"
    return
  fi
  case ${GITHUB_EVENT_NAME:-} in
    pull_request | pull_request_target)
      # GitHub's trial merge is what would be merged: its first parent is the base as it was then.
      mapfile -t parents < <(git cat-file commit HEAD | sed -n '/^$/q; s/^parent //p')
      if [ "${#parents[@]}" -eq 2 ] && [ "${parents[1]}" = "$(event_value .pull_request.head.sha)" ]; then
        need_commit "${parents[0]}" && printf '%s\n' "${parents[0]}" && return
      else
        fork_point "$GITHUB_BASE_REF" && return
      fi
      fail "the base branch \`$GITHUB_BASE_REF\` cannot be fetched, or has nothing in common with this branch" \
        "check out with \`fetch-depth: 0\`, and give the job \`permissions: contents: read\`"
      ;;
    merge_group)
      need_commit "$(event_value .merge_group.base_sha)" && event_value .merge_group.base_sha
      ;;
    push)
      # A new branch comes from nowhere, and after a forced push the old commit may be gone.
      before=$(event_value .before)
      case $before in
        *[!0]*) if need_commit "$before" 2>/dev/null; then printf '%s\n' "$before"; fi ;;
      esac
      ;;
  esac
}

base=$(find_base)
if [ -z "$base" ]; then say "there is nothing to compare with: a check alone"; fi

run_fluxgen "$base" "sarif=$out/report.sarif" "html=$out/report.html" github

if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$out/report.md" >>"$GITHUB_STEP_SUMMARY"; fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  {
    printf 'base=%s\n' "$base"
    for kind in json md sarif html; do printf '%s=%s\n' "$kind" "$out/report.$kind"; done
    jq --raw-output '
      (.totals | "differences=\(.created + .changed + .deleted + .renamed > 0)",
        "destructive=\(.destructive)"),
      "errors=\([.problems[] | select(.level == "error" and .side == "head")] | length)"' "$out/report.json"
  } >>"$GITHUB_OUTPUT"
fi

number=$(event_value '.pull_request.number')
if [ "${FLUXGEN_COMMENT:-true}" = true ] && [ -n "$number" ]; then
  api="${GITHUB_API_URL:-https://api.github.com}/repos/$GITHUB_REPOSITORY/issues"
  post_comment "$api/$number/comments" PATCH "Authorization: Bearer $token" "$api/comments"
fi

verdict
