#!/usr/bin/env bash
# Installs the web UI's packages and builds it into web/dist, each only when its input changed.
# `scripts/ui.sh packages` stops after the packages.
set -euo pipefail
cd "$(dirname "$0")/../web"

stamp_of() { sha256sum | cut -d' ' -f1; }

lock="$(cat package-lock.json <(node --version) | stamp_of)"
if [ "$(cat node_modules/.stamp 2>/dev/null)" != "$lock" ]; then
  echo "ui: installing packages"
  npm ci --no-audit --no-fund --loglevel=error
  echo "$lock" >node_modules/.stamp
fi
[ "${1:-}" = packages ] && exit 0

sources="$(find . \( -path ./node_modules -o -path ./dist -o -path ./test-results \) -prune -o -type f -print0 |
  LC_ALL=C sort -z | xargs -0 sha256sum | stamp_of)"
if [ ! -f dist/index.html ] || [ "$(cat node_modules/.built 2>/dev/null)" != "$sources" ]; then
  echo "ui: building"
  npm run --silent build
  echo "$sources" >node_modules/.built
  # A binary that was built without the UI would not notice that it is there now.
  touch ../crates/charon/src/ui.rs
fi
