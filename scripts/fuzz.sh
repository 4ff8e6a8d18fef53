#!/usr/bin/env bash
# Fuzzes every target of fuzz/ for FUZZ_SECONDS (60) each, two side by side, from the committed corpus.
# New inputs and findings go to fuzz/run/, which is not committed. `scripts/fuzz.sh TARGET...` runs only those.
# The stable compiler will do: coverage is an LLVM pass, and the sanitizers are left out since no crate of ours
# holds unsafe code; with them: cargo-fuzz, see fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

seconds="${FUZZ_SECONDS:-60}"
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
  for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

host="$(rustc -vV | sed -n 's/^host: //p')"
# With --target the flags reach the fuzzed crates, and not the build scripts.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on"
export CARGO_TARGET_DIR="${FUZZ_TARGET_DIR:-$PWD/target}"
cargo build --quiet --locked --release --target "$host"

# fuzz TARGET: its log ends with what libFuzzer says of coverage and of the number of inputs.
fuzz() {
  local target="$1" run="run/$1"
  mkdir -p "$run/corpus"
  if "$CARGO_TARGET_DIR/$host/release/$target" "$run/corpus" "corpus/$target" -artifact_prefix="$run/" \
    -max_total_time="$seconds" -max_len=1024 -timeout=20 -print_final_stats=1 >"$run/log" 2>&1; then
    printf 'fuzz: %-15s %s inputs in %s s, nothing found\n' "$target" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$run/log")" "$seconds"
  else
    printf 'fuzz: %-15s FOUND SOMETHING; the input lies in fuzz/%s/\n' "$target" "$run" >&2
    tail -n 40 "$run/log" >&2
    return 1
  fi
}
export -f fuzz
export seconds CARGO_TARGET_DIR host
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'set -euo pipefail; fuzz {}'
