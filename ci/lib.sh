# shellcheck shell=bash disable=SC2154
# What the checks of GitHub and of GitLab have in common: the commit to compare with, the run, what
# makes it fail, and the one comment. Needs git, jq, curl and fluxgen; the caller sets config, deny,
# fluxgen (the program), out (a folder for the reports) and comment_help.

say() { printf '%s\n' "$*" >&2; }

# fail WHAT [HELP]
fail() {
  say "error: $1"
  if [ $# -gt 1 ]; then say "  help: $2"; fi
  exit 2
}

# need_outside PROGRAM: fails for a program inside the checkout, which whoever opened the request wrote.
need_outside() {
  local path top
  path=$(command -v "$1")
  path=$(cd "$(dirname "$path")" && pwd -P)/$(basename "$path")
  top=$(pwd -P)
  case $path in
    "$top"/*) fail "\`$path\` is inside the checkout" "install fluxgen outside of it: set \`FLUXGEN_BIN\` to a folder elsewhere" ;;
  esac
}

# renew_folder FOLDER: makes it, empty where it is in the checkout. Neither it nor what leads to it may be a link there.
renew_folder() {
  local path=. part rest=${1#"$PWD"/} parts
  case $rest in
    # Outside of the checkout it is the job's own.
    /*)
      mkdir -p -- "$1"
      return
      ;;
  esac
  IFS=/ read -ra parts <<<"$rest"
  for part in "${parts[@]}"; do
    case $part in
      '' | .) continue ;;
      .. | .git) fail "the folder for the reports cannot be \`$1\`" ;;
    esac
    [ ! -L "$path" ] || fail "\`$1\` leads through a link" "set \`FLUXGEN_OUT\` to a folder at the top of the checkout"
    path=$path/$part
  done
  [ "$path" != . ] || fail "the folder for the reports cannot be \`$1\`"
  rm -rf -- "$path"
  mkdir -p -- "$path"
}

has_commit() { git cat-file -e "$1^{commit}" 2>/dev/null; }

is_shallow() { [ "$(git rev-parse --is-shallow-repository)" = true ]; }

# remote_fetch ARGUMENT...: from origin, with the token that git_token was given.
remote_fetch() { git fetch --quiet --no-tags --no-recurse-submodules "$@"; }

# need_commit HASH: gets one commit and its files, not its history.
need_commit() { has_commit "$1" || { remote_fetch --depth=1 origin "$1" && has_commit "$1"; }; }

# need_branch NAME: gets the tip of a branch of origin.
need_branch() {
  local depth=()
  if is_shallow; then depth=(--depth=1); fi
  remote_fetch "${depth[@]}" origin "+refs/heads/$1:refs/remotes/origin/$1"
}

# fork_point BRANCH: prints the commit where HEAD left a branch of origin.
fork_point() {
  local tries=0
  need_branch "$1" || return 1
  until git merge-base "refs/remotes/origin/$1" HEAD; do
    is_shallow || return 1
    tries=$((tries + 1))
    if [ "$tries" -lt 4 ]; then
      remote_fetch --deepen=200 origin "+refs/heads/$1:refs/remotes/origin/$1" "$(git rev-parse HEAD)" || return 1
    else
      remote_fetch --unshallow origin || return 1
    fi
  done
}

# resolve_base WORD: prints the commit that a user's own word for the base stands for: a branch of
# origin first, for a clone of one commit has no other, then whatever git knows, then a hash.
resolve_base() {
  local branch=${1#origin/}
  if need_branch "$branch" 2>/dev/null; then
    git rev-parse --verify "refs/remotes/origin/$branch^{commit}"
  elif has_commit "$1"; then
    git rev-parse --verify "$1^{commit}"
  elif need_commit "$1" 2>/dev/null; then
    git rev-parse --verify "$1^{commit}"
  else
    fail "no commit, branch or tag is named \`$1\`, here or at origin" \
      "name a branch of origin, or check out the whole history (fetch-depth: 0, GIT_DEPTH: 0)"
  fi
}

# run_fluxgen BASE FORMAT...: the comparison with a base, or the check alone where BASE is empty; its
# reports go to $out, an empty folder, and its exit code to $status. Ends the script where one is missing.
run_fluxgen() {
  local base=$1 arguments=(--config="$config")
  shift
  status=0
  if [ -n "$base" ]; then
    arguments+=(diff --against "$base")
    if [ -n "$deny" ]; then arguments+=(--deny "$deny"); fi
  else
    arguments+=(check)
  fi
  for format in "json=$out/report.json" "markdown=$out/report.md" "$@"; do
    arguments+=(--format "$format")
  done
  "$fluxgen" "${arguments[@]}" || status=$?
  # One that is missing was not written: what the others say is not the whole of it.
  for format in "json=$out/report.json" "markdown=$out/report.md" "$@"; do
    case $format in
      *=*) [ -s "${format#*=}" ] || fail "fluxgen made no report in the format \`${format%%=*}\` (exit $status)" ;;
    esac
  done
}

# verdict: says why the check fails. Differences alone are what a pull request is for.
verdict() {
  local reasons
  reasons=$(jq --raw-output '
    def counted($n; $noun): "\($n) \($noun)\(if $n == 1 then "" else "s" end)";
    ([.problems[] | select(.level == "error" and .side == "head")] | length
      | select(. > 0) | counted(.; "error")),
    (.totals.denied | select(. > 0) | counted(.; "change") + " denied by `deny`"),
    (.clusters[]
      | select(((.headTree.stale // []) + (.headTree.handEdited // [])) != [])
      | "the tree of `\(.name)` is not what the TOML file gives: run `fluxgen build` and commit")' \
    "$out/report.json")
  if [ -n "$reasons" ]; then
    while IFS= read -r reason; do say "failed: $reason"; done <<<"$reasons"
    return 1
  fi
  # Without a reason of ours, as where the base does not compile and nothing can be denied.
  [ "$status" -le 1 ] || return "$status"
}

# call METHOD URL HEADER [BODY-FILE]: one call of an API; prints the status. The answer goes to
# $out/answer.json. The header holds the token: it goes through a pipe, not through the arguments.
call() {
  local extra=()
  if [ "$1" = GET ]; then extra+=(--retry 3); fi
  if [ $# -gt 3 ]; then extra+=(--data-binary "@$4"); fi
  printf '%s\n' "$3" | curl --silent --show-error --max-time 60 --request "$1" \
    --header @- --header 'Content-Type: application/json' \
    --output "$out/answer.json" --write-out '%{http_code}' "${extra[@]}" "$2" || true
}

# post_comment URL METHOD HEADER ONE: one comment below URL, made once and then replaced below ONE with METHOD.
#
# It is found by the marker in its first line and by the line that names the project, so that two
# projects of one repository have one each. A comment that may not be made, as for a fork, is said
# and fails nothing: the report stands elsewhere too.
post_comment() {
  local page=1 status id=
  while :; do
    status=$(call GET "$1?per_page=100&page=$page" "$3")
    if [ "$status" != 200 ]; then
      unposted "$status"
      return
    fi
    id=$(jq --raw-output --rawfile new "$out/report.md" '
      def key: gsub("\r"; "") | split("\n") | [.[0], (.[3] // "" | split(" · ")[0])];
      [.[] | select((.body // "" | key) == ($new | key)) | .id] | first // empty' "$out/answer.json")
    if [ -n "$id" ] || [ "$(jq length "$out/answer.json")" -lt 100 ]; then break; fi
    page=$((page + 1))
  done
  jq --null-input --rawfile body "$out/report.md" '{body: $body}' >"$out/comment.json"
  if [ -n "$id" ]; then
    status=$(call "$2" "$4/$id" "$3" "$out/comment.json")
  else
    status=$(call POST "$1" "$3" "$out/comment.json")
  fi
  case $status in
    200 | 201) say "the comment is $(jq --raw-output '.html_url // .id' "$out/answer.json")" ;;
    *) unposted "$status" ;;
  esac
}

unposted() {
  local why
  why=$(jq --raw-output '.message // .error // empty' "$out/answer.json" 2>/dev/null || true)
  say "warning: the comment could not be posted (status $1${why:+, $why})"
  say "  help: $comment_help"
}
