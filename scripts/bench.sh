#!/usr/bin/env bash
# Runs the benchmarks: all of them, or the one named first with what it takes
# (scripts/bench.sh calls --n 50). Each writes out/NAME.json and prints a table.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
scripts/test-tools.sh

run() {
  local name=$1
  shift
  [ -e "bench/$name.py" ] || fail "there is no benchmark '$name'; use admission, calls, cluster, duplex, footprint, instructions, load, network, observe, overhead, resume, soak or wire."
  PYTHONPATH=tests .venv/bin/python -m "bench.$name" "$@"
}

if [ "$#" -gt 0 ]; then
  run "$@"
else
  run footprint
  run instructions
  run calls --peer aiortc pion
  run admission
  run duplex
  run duplex --browser
  run network
  run wire
  run load
  run observe
  run overhead
fi
