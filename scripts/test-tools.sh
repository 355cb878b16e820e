#!/usr/bin/env bash
# Installs, by apt and only where missing, what the tests need beside the languages: a browser,
# voices that make speech, recordings of human speech, a TURN server, a proxy, and what counts
# instructions; by npm and Go's own client, into .cache, what the examples stand on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

uv=(uv)
type -P uv >/dev/null || uv=(python3 -m uv)

# The end-of-turn model comes in the wheel of another framework, of which nothing else is used.
if [ ! -e .cache/smart-turn/pipecat ]; then
  say "installing for the tests: the end-of-turn model"
  "${uv[@]}" pip install --quiet --python .venv/bin/python --no-deps \
    --target .cache/smart-turn pipecat-ai==1.14.0
fi

# Clients of the Realtime protocol, as anybody installs them, and what tries the HTTP side; nothing
# of them is in .venv.
clients=.cache/clients
if need $clients/ready tests/clients/requirements.txt tests/clients/package.json scripts/test-tools.sh; then
  say "installing for the tests: clients of the Realtime protocol"
  mkdir -p $clients/node
  began $clients/ready
  [ -x $clients/python/bin/python ] || "${uv[@]}" venv --quiet --python '>=3.11' $clients/python
  "${uv[@]}" pip install --quiet --python $clients/python/bin/python \
    --requirement tests/clients/requirements.txt
  cp tests/clients/package.json $clients/node/
  npm install --prefix $clients/node --no-package-lock --no-audit --no-fund --loglevel=error >&2
  [ -x $clients/schemathesis/bin/python ] ||
    "${uv[@]}" venv --quiet --python '>=3.11' $clients/schemathesis
  "${uv[@]}" pip install --quiet --python $clients/schemathesis/bin/python schemathesis==4.32.5
  finished $clients/ready
fi

# What the backends under examples/ stand on, by their lockfiles; the tests build them there.
for name in nestjs nextjs; do
  example=examples/backends/$name
  there=.cache/backends/$name
  if need "$there.ready" "$example/package.json" "$example/package-lock.json"; then
    say "installing for the tests: the $name example"
    mkdir -p "$there"
    began "$there.ready"
    cp "$example"/{package.json,package-lock.json,.npmrc} "$there/"
    npm ci --prefix "$there" --no-audit --no-fund --loglevel=error --ignore-scripts >&2
    finished "$there.ready"
  fi
done
if command -v go >/dev/null 2>&1; then (cd examples/backends/go && go mod download); fi

missing=()
for tool in caddy chromium espeak-ng flite sox valgrind; do
  command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
done
command -v turnserver >/dev/null 2>&1 || missing+=(coturn)
if command -v dpkg-query >/dev/null 2>&1; then
  for package in asterisk-core-sounds-{en,es,fr,it,ru}{,-g722}; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
fi
[ "${#missing[@]}" -eq 0 ] && exit 0

command -v apt-get >/dev/null 2>&1 ||
  fail "the tests need ${missing[*]}: install them with your system's package manager."
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
say "installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
mkdir -p .cache
{
  "${root[@]}" apt-get update -q
  "${root[@]}" apt-get install -qy --no-install-recommends "${missing[@]}"
} >.cache/apt.log 2>&1 || {
  tail -n 20 .cache/apt.log >&2
  fail "apt-get could not install ${missing[*]}; the whole log is .cache/apt.log."
}
