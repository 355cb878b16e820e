#!/usr/bin/env bash
# Installs what is missing, once and quietly. Safe to run again at any time: on a ready tree it
# only compares times of files. One at a time: a second one waits for the first.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
mkdir -p .cache
exec 9>.cache/setup.lock
if command -v flock >/dev/null 2>&1; then flock 9; fi

# type -P looks for a file: command -v would find the function itself.
uv_path=$(type -P uv || true)
uv() {
  if [ -n "$uv_path" ]; then "$uv_path" "$@"; else python3 -m uv "$@"; fi
}

if [ ! -x .venv/bin/python ] || need .cache/python pyproject.toml uv.lock scripts/setup.sh; then
  if [ -z "$uv_path" ] && ! python3 -m uv --version >/dev/null 2>&1; then
    say "installing uv"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore uv
    uv_path=$(type -P uv || true)
  fi
  say "installing the Python environment into .venv"
  began .cache/python
  [ -x .venv/bin/python ] || uv venv --quiet --python '>=3.11' .venv
  uv sync --quiet --frozen --all-extras --all-groups
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  echo "$PWD/python" >"$site/talkover-src.pth"
  cat >.venv/bin/talkover <<END
#!$PWD/.venv/bin/python
from talkover.cli.main import main

main()
END
  chmod +x .venv/bin/talkover
  finished .cache/python
fi

if [ ! -e python/talkover/_core.abi3.so ] || need .cache/native .cargo Cargo.toml Cargo.lock crates; then
  command -v cargo >/dev/null 2>&1 ||
    fail "cargo is missing: install Rust with rustup (https://rustup.rs), then run make again."
  say "building the native module (a few minutes the first time)"
  began .cache/native
  cargo build --quiet --release --locked -p talkover-py
  # Renamed into place, so that a running server keeps the file that it has mapped.
  cp target/release/lib_core.so python/talkover/_core.abi3.so.new
  mv python/talkover/_core.abi3.so.new python/talkover/_core.abi3.so
  finished .cache/native
fi

scripts/console.sh
