#!/usr/bin/env bash
# Formats, lints, types and tests of every language; the tests in real time (marked e2e or slow)
# only with --all. pytest comes last, so that its closing line closes the output.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
all=${1:-}

say "Rust: format, clippy, tests"
cargo fmt --check
cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
cargo test --quiet --locked --workspace

say "Python: format, lint, types"
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/pyright

if [ -e js/package.json ]; then
  say "TypeScript: types, tests"
  npm run --prefix js --silent typecheck
  npm test --prefix js --silent
fi

say "Python: tests"
if [ "$all" = --all ]; then
  exec .venv/bin/pytest
else
  exec .venv/bin/pytest -m "not e2e and not slow"
fi
