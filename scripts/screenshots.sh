#!/usr/bin/env bash
# Pictures of the page's states into docs/screenshots, from a real Chromium and real servers.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
say "taking pictures of the page"
PYTHONPATH=tests exec .venv/bin/python -m e2e.screenshots
