#!/usr/bin/env bash
# Installs what is missing, once and quietly. Safe to run again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[2m· %s\033[0m\n' "$*"; }
need() { # need STAMP FILE...: true when a file is newer than the stamp
  local stamp=$1
  shift
  [ ! -e "$stamp" ] || [ -n "$(find "$@" -newer "$stamp" -print -quit)" ]
}
mkdir -p .cache

if ! command -v uv >/dev/null 2>&1; then
  say "installing uv"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore uv
fi

if [ ! -x .venv/bin/python ] || need .cache/python pyproject.toml uv.lock; then
  say "installing the Python environment"
  [ -x .venv/bin/python ] || uv venv --quiet --python '>=3.11' .venv
  uv sync --quiet --frozen --all-extras --all-groups
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  echo "$PWD/python" >"$site/talkover-src.pth"
  cat >.venv/bin/talkover <<EOF
#!$PWD/.venv/bin/python
from talkover.cli.main import app

app()
EOF
  chmod +x .venv/bin/talkover
  touch .cache/python
fi

if [ ! -e python/talkover/_core.abi3.so ] || need .cache/native Cargo.toml Cargo.lock crates; then
  say "building the native module (minutes the first time)"
  cargo build --quiet --release --locked -p talkover-py
  cp target/release/lib_core.so python/talkover/_core.abi3.so.new
  mv python/talkover/_core.abi3.so.new python/talkover/_core.abi3.so
  touch .cache/native
fi
