#!/usr/bin/env bash
# What ci/gitlab.yml runs: compares a merge request with its base, writes the code quality report and
# one note, and fails for errors, denied changes and trees that are not built.
#
# Reads FLUXGEN_CONFIG, FLUXGEN_BASE, FLUXGEN_DENY, FLUXGEN_TOKEN, FLUXGEN_OUT and GitLab's own
# variables. Exit codes are those of fluxgen.
#
# What is checked out is a stranger's: the reports are made outside of it, and the folder FLUXGEN_OUT,
# from which GitLab takes them, is replaced whole, whatever was committed under its name.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

config=${FLUXGEN_CONFIG:-fluxgen.toml}
deny=${FLUXGEN_DENY:-}
fluxgen=${FLUXGEN:-fluxgen}
token=${FLUXGEN_TOKEN:-}
unset FLUXGEN_TOKEN
comment_help="\`FLUXGEN_TOKEN\` must be a project access token with the scope \`api\` and the role Reporter or higher"
publish=${FLUXGEN_OUT:-fluxgen-report}
renew_folder "$publish"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for program in git jq curl "$fluxgen"; do
  command -v "$program" >/dev/null || fail "\`$program\` is not on the PATH"
done
need_outside "$fluxgen"
[ -f "$config" ] || fail "there is no file \`$config\`" "name it with the variable \`FLUXGEN_CONFIG\`"

# The base: the variable, or what the pipeline says. In a pipeline of the merged result HEAD holds the
# target branch too, so that is the base; else it is where the branches part.
find_base() {
  local commit
  if [ -n "${FLUXGEN_BASE:-}" ]; then
    resolve_base "$FLUXGEN_BASE"
    return
  fi
  commit=${CI_MERGE_REQUEST_TARGET_BRANCH_SHA:-${CI_MERGE_REQUEST_DIFF_BASE_SHA:-}}
  if [ -n "$commit" ]; then
    need_commit "$commit" || fail "the base \`$commit\` cannot be fetched" "set the job's \`GIT_DEPTH\` to 0"
    printf '%s\n' "$commit"
    return
  fi
  commit=${CI_COMMIT_BEFORE_SHA:-}
  case $commit in
    *[!0]*) if need_commit "$commit" 2>/dev/null; then printf '%s\n' "$commit"; fi ;;
  esac
}

base=$(find_base)
if [ -z "$base" ]; then say "there is nothing to compare with: a check alone"; fi

run_fluxgen "$base" "gitlab=$out/code-quality.json" "junit=$out/junit.xml" "html=$out/report.html"
renew_folder "$publish"
for report in report.json report.md code-quality.json junit.xml report.html; do
  cp "$out/$report" "$publish/$report"
done

if [ -n "${CI_MERGE_REQUEST_IID:-}" ]; then
  if [ -n "$token" ]; then
    notes="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"
    post_comment "$notes" PUT "PRIVATE-TOKEN: $token" "$notes"
  else
    say "no note: \`FLUXGEN_TOKEN\` is not set"
  fi
fi

verdict
