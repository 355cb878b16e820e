#!/usr/bin/env bash
# Formats, lints, types and tests of every language; the tests in real time (marked e2e or slow)
# only with --all. pytest comes last, so that its closing line closes the output.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
all=${1:-}

# The longest of the checks uses one core, beside those that follow.
mkdir -p .cache
.venv/bin/pyright >.cache/pyright.log 2>&1 &
types=$!
trap 'kill "$types" 2>/dev/null || true' EXIT

say "Rust: format, clippy, tests"
cargo fmt --check
cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
cargo test --quiet --locked --workspace

say "TypeScript: types, tests"
npm run --prefix js --silent typecheck
npm test --prefix js --silent

say "Python: format, lint, types"
.venv/bin/ruff format --check .
.venv/bin/ruff check .
wait "$types" || {
  cat .cache/pyright.log >&2
  exit 1
}

say "Python: tests"
if [ "$all" = --all ]; then
  exec .venv/bin/pytest
else
  exec .venv/bin/pytest -m "not e2e and not slow"
fi
