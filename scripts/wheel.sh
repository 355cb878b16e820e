#!/usr/bin/env bash
# Builds the wheel: one for all Pythons from 3.11 on (abi3), the console's files inside.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ -e python/talkover/gateway/static/index.html ] ||
  fail "the console is not built yet: run make console, then make wheel again."
mkdir -p .cache
say "building the wheel"
.venv/bin/maturin build --release --locked --interpreter .venv/bin/python --out "${1:-dist}" \
  >.cache/wheel.log 2>&1 || {
  cat .cache/wheel.log >&2
  fail "the wheel did not build; the reason is above."
}
ls -1t "${1:-dist}"/*.whl | head -n 1
