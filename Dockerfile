# syntax=docker/dockerfile:1
# docker build --tag talkover .
# docker run --publish 8080:8080 --publish 8081:8081/udp --publish 8081:8081/tcp \
#   --env TALKOVER_KEY=… --env TALKOVER_PUBLIC_IP=203.0.113.7 talkover
#
# TALKOVER_PUBLIC_IP is the address at which callers reach the machine: without it they are told
# only the container's own. The media port is published on its own number, for the same reason.
# A browser gives its microphone only to https or localhost: put a TLS proxy before port 8080.
# An agent of one's own: --volume "$PWD:/agent" … talkover serve agent.py

FROM node:20-bookworm-slim AS console
WORKDIR /src/js
COPY js/package.json js/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY js ./
RUN npm run build

FROM rust:1.95-bookworm AS wheel
RUN apt-get update \
  && apt-get install --yes --no-install-recommends cmake python3-venv \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python3 -m venv .venv \
  && .venv/bin/pip install --no-cache-dir "maturin>=1.9,<2" "uv>=0.9,<1"
COPY .cargo ./.cargo
COPY Cargo.toml Cargo.lock pyproject.toml uv.lock README.md LICENSE ./
COPY scripts/lib.sh scripts/wheel.sh ./scripts/
COPY crates ./crates
COPY python ./python
COPY --from=console /src/python/talkover/gateway/static ./python/talkover/gateway/static
RUN scripts/wheel.sh \
  && .venv/bin/uv export --quiet --frozen --no-dev --no-emit-project --extra demo \
    --output-file dist/requirements.txt

FROM python:3.13-slim-bookworm
RUN --mount=type=bind,from=wheel,source=/src/dist,target=/dist \
  pip install --no-cache-dir --only-binary :all: --require-hashes --requirement /dist/requirements.txt \
  && pip install --no-cache-dir --no-deps /dist/*.whl \
  && useradd --uid 10001 --create-home talkover \
  && install --directory --owner 10001 --mode 0700 /home/talkover/.local/state/talkover
ENV PYTHONUNBUFFERED=1 TALKOVER_HOST=0.0.0.0 TALKOVER_PORT=8080 TALKOVER_MEDIA_PORT=8081
EXPOSE 8080/tcp 8081/udp 8081/tcp
USER 10001
WORKDIR /agent
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as http; http.urlopen('http://127.0.0.1:' + os.environ['TALKOVER_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["talkover"]
CMD ["serve"]
