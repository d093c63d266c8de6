#!/usr/bin/env bash
# Puts fluxgen on the PATH of the jobs' later steps: built from the source beside this script, or the
# released binary of FLUXGEN_VERSION, whose sum is checked.
#
# Reads FLUXGEN_VERSION, FLUXGEN_RELEASES (where releases are downloaded from) and FLUXGEN_BIN (the
# folder for the binary).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=${FLUXGEN_VERSION:-source}
bin=${FLUXGEN_BIN:-${RUNNER_TEMP:-/tmp}/fluxgen-bin}
mkdir -p "$bin"

fail() {
  printf 'error: %s\n  help: %s\n' "$1" "$2" >&2
  exit 2
}

if [ "$version" = source ]; then
  command -v cargo >/dev/null || fail "\`cargo\` is not on the PATH" "install Rust, or name a released version"
  # Cargo obeys the settings of the folder that it runs in, which may be a checkout.
  (cd "$root" && cargo build --release --locked --target-dir "$root/target")
  cp "$root/target/release/fluxgen" "$bin/"
else
  version=v${version#v}
  name=fluxgen-$(uname -m)-$(uname -s | tr '[:upper:]' '[:lower:]').tar.gz
  from=${FLUXGEN_RELEASES:?where releases are downloaded from}/$version
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  for file in "$name" "$name.sha256"; do
    curl --silent --show-error --fail --location --proto-redir =https --retry 3 --output "$scratch/$file" "$from/$file" ||
      fail "\`$from/$file\` cannot be downloaded" "see which versions are released, or use \`source\`"
  done
  if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
  (cd "$scratch" && "${sum[@]}" --check "$name.sha256" >/dev/null) ||
    fail "\`$name\` is not what its sum says" "try again; if it stays so, do not use this release"
  tar -xzf "$scratch/$name" -C "$bin" fluxgen
fi

"$bin/fluxgen" --version
if [ -n "${GITHUB_PATH:-}" ]; then printf '%s\n' "$bin" >>"$GITHUB_PATH"; fi
