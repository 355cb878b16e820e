#!/usr/bin/env bash
# Formats, lints, types and tests of every language.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --check
cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
cargo test --quiet --locked --workspace
.venv/bin/ruff format --check python tests
.venv/bin/ruff check python tests
.venv/bin/pytest
