#!/usr/bin/env bash
# Builds Charon with its UI and starts it, with its data in ./data unless CHARON_DATA_DIR says otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

profile="${PROFILE:-release}"
folder="$profile"
[ "$profile" = dev ] && folder=debug

scripts/setup.sh build
scripts/ui.sh
cargo build --quiet --locked --package charon --profile "$profile"
exec "${CARGO_TARGET_DIR:-target}/$folder/charon" serve
