# The public commands. Each sets up what it needs, says what it installs, and is quick when nothing changed.

.DEFAULT_GOAL := help
.PHONY: help run test bench fuzz fmt

help:
	@echo "make run    build and start Charon: UI on http://127.0.0.1:8080, data in ./data"
	@echo "            PROFILE=dev builds faster and runs slower; CHARON_* variables: docs/configuration.md"
	@echo "make test   every check that CI runs"
	@echo "make bench  side by side with nginx, HAProxy and Caddy; results in bench/results/"
	@echo "make fuzz   every parser of hostile input under libFuzzer; FUZZ_SECONDS (60) for each"
	@echo "make fmt    format Rust and the web UI"

run:
	@scripts/run.sh

test:
	@scripts/test.sh

bench:
	@scripts/bench.sh

fuzz:
	@scripts/fuzz.sh

fmt:
	@scripts/fmt.sh
