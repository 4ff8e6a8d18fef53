#!/usr/bin/env bash
# Runs schemathesis over the API of a freshly started executable: `scripts/api-check.sh path/to/charon`.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.32.5
venv=".cache/schemathesis-$version"
if [ ! -x "$venv/bin/schemathesis" ]; then
  echo "api-check: installing schemathesis $version"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi
exec "$venv/bin/python" scripts/api_check.py "$venv/bin/schemathesis" "$1"
