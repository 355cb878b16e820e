.DEFAULT_GOAL := help
.PHONY: help setup serve check test fmt native
export PATH := $(HOME)/.cargo/bin:$(PATH)

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup:  ## install what is missing; leaves .venv/bin/talkover
	@scripts/setup.sh

fmt:  ## format everything
	cargo fmt
	.venv/bin/ruff format python tests bench
	.venv/bin/ruff check --fix python tests bench

check: setup  ## the fast checks: formats, lints, types, unit tests
	@scripts/check.sh

test: setup  ## everything
	@scripts/check.sh
