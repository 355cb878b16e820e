#!/usr/bin/env bash
# Builds the page and the TypeScript client into python/talkover/gateway/static, when due.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
mkdir -p .cache
[ -e js/package.json ] || exit 0
force=${1:-}

if [ ! -d js/node_modules ] || need .cache/npm js/package.json js/package-lock.json; then
  command -v npm >/dev/null 2>&1 ||
    fail "npm is missing: install Node.js 20 or newer, then run make again."
  say "installing the console's build tools"
  began .cache/npm
  npm ci --prefix js --no-audit --no-fund --loglevel=error >&2
  finished .cache/npm
  force=--force
fi

if [ -n "$force" ] || [ ! -e python/talkover/gateway/static/index.html ] || need .cache/console js; then
  say "building the console"
  began .cache/console
  npm run --prefix js --silent build >.cache/console.log 2>&1 || {
    cat .cache/console.log >&2
    fail "the console did not build; the reason is above."
  }
  finished .cache/console
fi
