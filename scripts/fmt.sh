#!/usr/bin/env bash
# Formats Rust and the web UI.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all
scripts/setup.sh build
scripts/ui.sh packages
cd web && npm run --silent format
