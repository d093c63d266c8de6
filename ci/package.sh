#!/usr/bin/env bash
# package.sh PROGRAM FOLDER: packs a fluxgen as ci/install.sh expects it, with its sum beside it.
set -euo pipefail
program=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
name=fluxgen-$(uname -m)-$(uname -s | tr '[:upper:]' '[:lower:]').tar.gz
tar -czf "$folder/$name" -C "$(dirname "$program")" "$(basename "$program")"
cd "$folder"
if command -v sha256sum >/dev/null; then
  sha256sum "$name" >"$name.sha256"
else
  shasum -a 256 "$name" >"$name.sha256"
fi
