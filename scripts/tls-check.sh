#!/usr/bin/env bash
# Runs sslyze over the TLS of a freshly started executable: `scripts/tls-check.sh path/to/charon`.
set -euo pipefail
cd "$(dirname "$0")/.."

version=6.3.1
venv=".cache/sslyze-$version"
if [ ! -x "$venv/bin/sslyze" ]; then
  echo "tls-check: installing sslyze $version"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "sslyze==$version"
fi
exec "$venv/bin/python" scripts/tls_check.py "$venv/bin/sslyze" "$1"
