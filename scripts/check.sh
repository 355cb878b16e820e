#!/usr/bin/env bash
# Formats, lints, types and tests of every language; the tests in real time (marked e2e or slow)
# only with --all. pytest comes last, so that its closing line closes the output.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
all=${1:-}

# What takes long and needs no quiet machine runs beside what follows: the types, and, where the
# tests in real time come too, those that know no real time.
mkdir -p .cache
.venv/bin/pyright >.cache/pyright.log 2>&1 &
types=$!
trap 'kill "$types" $quick 2>/dev/null || true' EXIT
quick=
if [ "$all" = --all ]; then
  .venv/bin/pytest -m "not e2e and not slow" --reruns 1 >.cache/pytest.log 2>&1 &
  quick=$!
fi

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
  wait "$quick" || {
    cat .cache/pytest.log >&2
    exit 1
  }
  tail -n 1 .cache/pytest.log
  # They mostly wait: two files at a time leave the cores as idle as a call needs them.
  exec .venv/bin/pytest -m "e2e or slow" -rR -n 2 --dist loadfile
else
  exec .venv/bin/pytest -m "not e2e and not slow"
fi
