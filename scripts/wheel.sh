#!/usr/bin/env bash
# Builds the wheel: one for all Pythons from 3.11 on (abi3), the console's files inside.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
say "building the wheel"
.venv/bin/maturin build --quiet --release --locked --out dist "$@"
ls -1t dist/*.whl | head -n 1
