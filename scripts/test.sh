#!/usr/bin/env bash
# Every check, one after the other, each with its time; what failed stands at the end.
# `scripts/test.sh NAME...` runs only the steps whose names are given.
set -euo pipefail
cd "$(dirname "$0")/.."

# Material that some tests can use when it lies beside the clone; nothing depends on it.
export CHARON_SHARED="${CHARON_SHARED:-$(cd .. && pwd)/shared}"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
target="${CARGO_TARGET_DIR:-target}"
wanted=("$@")
names=()
results=()
failed=0

# step NAME COMMAND...
step() {
  local name="$1" begin="$SECONDS" result=ok
  shift
  if [ "${#wanted[@]}" -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then
    return
  fi
  printf '\n== %s\n' "$name"
  if ! "$@"; then
    result=FAILED
    failed=$((failed + 1))
  fi
  names+=("$name")
  results+=("$(printf '%-12s %-7s %4d s' "$name" "$result" "$((SECONDS - begin))")")
}

in_web() { (cd web && npm run --silent "$1"); }

# The types of the UI are those of docs/openapi.json, which a test of the API proves fresh.
ui_contract() {
  local fresh
  fresh="$(mktemp)"
  cp web/src/api/schema.generated.ts "$fresh"
  in_web api:types >/dev/null
  if ! cmp -s "$fresh" web/src/api/schema.generated.ts; then
    cp "$fresh" web/src/api/schema.generated.ts
    echo "web/src/api/schema.generated.ts is stale; run: cd web && npm run api:types" >&2
    rm "$fresh"
    return 1
  fi
  rm "$fresh"
}

cargo_tests() {
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked --no-fail-fast
  else
    cargo test --workspace --locked --no-fail-fast --quiet
  fi
}

deny() {
  if cargo deny --version >/dev/null 2>&1; then
    cargo deny --locked check
  else
    echo "SKIPPED: cargo-deny is not installed (cargo install cargo-deny --locked); licences and sources are"
    echo "checked all the same, by the end-to-end tests over cargo metadata."
  fi
}

step setup scripts/setup.sh test
step ui-build scripts/ui.sh
# Everything in Cargo.lock, for other systems too: the end-to-end tests look at the licence of each package, offline.
step rust-fetch cargo fetch --locked --quiet
step rust-format cargo fmt --all --check
step ui-contract ui_contract
step ui-lint in_web lint
step ui-types in_web typecheck
step ui-tests in_web test
# The executable holds the UI, and has to be there before the end-to-end tests. All targets at once, so that
# every crate is compiled with one set of features.
step rust-build cargo build --workspace --all-targets --locked
step rust-lint cargo clippy --workspace --all-targets --locked -- -D warnings
step rust-tests cargo_tests
step api-check scripts/api-check.sh "$target/debug/charon"
step tls-check scripts/tls-check.sh "$target/debug/charon"
step h3-check scripts/h3-check.sh "$target/debug/charon"
# Each target for a minute, with coverage as the guide; the corpus alone runs among the Rust tests.
step fuzz scripts/fuzz.sh
step deny deny

printf '\n'
[ "${#results[@]}" -gt 0 ] && printf '%s\n' "${results[@]}"
printf '\nsteps: %d passed, %d failed\n' "$((${#names[@]} - failed))" "$failed"
[ "$failed" -eq 0 ]
