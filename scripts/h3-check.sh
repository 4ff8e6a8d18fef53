#!/usr/bin/env bash
# Holds the HTTP/3 of a freshly started executable to RFC 9114 and 9204: `scripts/h3-check.sh path/to/charon`.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.7.2
venv=".cache/aioquic-$version"
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import aioquic' 2>/dev/null; then
  echo "h3-check: installing aioquic $version"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "aioquic==$version"
fi
exec "$venv/bin/python" scripts/h3_check.py "$1"
