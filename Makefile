.DEFAULT_GOAL := help
.PHONY: help setup serve check test wheel console screenshots bench clients demo-kill fmt
export PATH := $(HOME)/.cargo/bin:$(PATH)
ARGS ?=

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup:  ## install what is missing; leaves .venv/bin/talkover
	@scripts/setup.sh

serve: setup  ## serve on http://127.0.0.1:8080 (make serve ARGS="--port 9000 examples/x.py")
	@exec .venv/bin/talkover serve $(ARGS)

check: setup  ## the fast part: formats, lints, types, unit tests
	@scripts/check.sh

test: setup  ## everything, real Chromium included
	@scripts/test-tools.sh
	@scripts/check.sh --all

wheel: setup  ## an abi3 wheel with the console inside, in dist/
	@scripts/wheel.sh

console:  ## build the page and the TypeScript client, always
	@scripts/console.sh --force

demo-kill: setup  ## two servers, a call, one killed in mid-sentence
	@.venv/bin/python scripts/demo_kill.py

screenshots: setup  ## pictures of the console's states, in docs/screenshots/
	@scripts/test-tools.sh
	@scripts/screenshots.sh

bench: setup  ## the benchmarks, one JSON each in out/
	@scripts/bench.sh $(ARGS)

clients: setup  ## unmodified clients against a server: the table of docs/clients.md
	@scripts/test-tools.sh
	@PYTHONPATH=python:tests .venv/bin/python -m clients.matrix $(ARGS)

fmt:  ## format everything
	cargo fmt
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
