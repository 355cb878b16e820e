"""Clients that nobody here wrote, unmodified, against our server: which can do what.

`python -m clients.matrix` tries all of them and writes the table into docs/clients.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wire.frames import WRONG

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
TOOLS = ROOT / ".cache/clients"
PAGE = ROOT / "docs/clients.md"
BEGIN, END = "<!-- the table begins -->", "<!-- the table ends -->"
SENTENCE = "what is the weather"
PATIENCE_S = 300

FEATURES = (
    "connect", "text turn", "audio turn", "transcription", "tool call", "delegation",
    "barge-in", "mute", "truncate",
    "retrieve", "cancel when idle", "double response.create", "image", "history edit", "secret",
    "sideband", "hang-up",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    """`package` is who is tried, `script` how, and where; `tls`: it speaks nothing else."""

    name: str
    package: str
    script: str
    where: Literal["Python", "Node", "Chromium"]
    tls: bool = False

    @property
    def command(self) -> list[str]:
        programs = {
            "Python": str(TOOLS / "python/bin/python"), "Node": "node",
            # Who drives a browser is no client.
            "Chromium": sys.executable,
        }  # fmt: skip
        return [programs[self.where], str(HERE / self.script)]

    @property
    def version(self) -> str:
        if self.where == "Python":
            found = (TOOLS / "python").glob(f"lib/python*/site-packages/{self._folder}-*.dist-info")
            return next(found).name.removesuffix(".dist-info").rpartition("-")[2]
        manifest = TOOLS / "node/node_modules" / self.package / "package.json"
        return json.loads(manifest.read_text())["version"]

    @property
    def _folder(self) -> str:
        return self.package.replace("-", "_")


CLIENTS = (
    Client("openai, Python", "openai", "openai_python.py", "Python"),
    Client("openai, npm", "openai", "openai_npm.mjs", "Node", tls=True),
    Client("openai, npm, browser", "openai", "openai_browser.py", "Chromium", tls=True),
    Client("openai, npm, WebRTC", "openai", "openai_webrtc.py", "Chromium"),
    Client("Agents SDK, JS", "@openai/agents-realtime", "agents_js.mjs", "Node", tls=True),
    Client("Agents SDK, WebRTC", "@openai/agents-realtime", "agents_webrtc.py", "Chromium"),
    Client("Agents SDK, Python", "openai-agents", "agents_python.py", "Python"),
    Client("openai Live, Python", "openai", "live_python.py", "Python"),
    Client("LiveKit plugin", "livekit-plugins-openai", "livekit_plugin.py", "Python"),
    Client("LiveKit Live", "livekit-plugins-openai", "livekit_live.py", "Python"),
    Client("Pipecat service", "pipecat-ai", "pipecat_service.py", "Python"),
)

Results = dict[str, dict[str, str]]
"""Client → feature → "" where it works, else why not."""


class Server:
    """The server of `clients.server` in a process of its own; `log` is all that it printed."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.file = folder / f"server{''.join(arguments)}.log"
        paths = os.pathsep.join(str(ROOT / name) for name in ("python", "tests"))
        with self.file.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "clients.server", *arguments], stdout=out, stderr=out,
                cwd=folder, env=os.environ | {"PYTHONPATH": paths, "HOME": str(folder)},
            )  # fmt: skip
        end = time.monotonic() + 60
        while not (found := re.search(r"listens at ([^\s#]+)", self.log)):
            assert time.monotonic() < end and self.process.poll() is None, self.log
            time.sleep(0.1)
        self.url = found[1].rstrip("/") + "/v1"

    @property
    def log(self) -> str:
        return self.file.read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    @property
    def faults(self) -> list[str]:
        """Frames that the protocol's types do not take, and tracebacks."""
        return [line for line in self.log.splitlines() if WRONG in line or "Traceback" in line]


def speech(folder: Path) -> Path:
    """PCM, 24 kHz, of somebody who asks for the weather."""
    wav, raw = folder / "speech.wav", folder / "speech.raw"
    subprocess.run(["flite", "-voice", "slt", "-t", SENTENCE, "-o", wav], check=True)
    subprocess.run(
        ["sox", "-R", wav, "-r", "24000", "-e", "signed", "-b", "16", "-c", "1", raw], check=True
    )
    return raw


def attempt(client: Client, url: str, folder: Path, only: str = "") -> dict[str, str]:
    """All features of one client that it has: "" or why not."""
    from .server import KEY

    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "CLIENT_URL": url, "CLIENT_KEY": KEY,
        "CLIENT_SPEECH": str(folder / "speech.raw"), "CLIENT_ONLY": only, "CLIENT_OFFER": OFFER,
        "CLIENT_MODULES": str(TOOLS / "node/node_modules"), "PYTHONDONTWRITEBYTECODE": "1",
        "NODE_EXTRA_CA_CERTS": str(next(folder.rglob("*.pem"), "")),
    }  # fmt: skip
    done = subprocess.run(
        client.command,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        if line.startswith('{"feature"'):
            told: dict[str, Any] = json.loads(line)
            found[told["feature"]] = "" if told["ok"] else told["why"]
    if not found:
        found["connect"] = f"{done.stdout[-2000:]}{done.stderr[-2000:]}" or "said nothing"
    return found


OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n"
    "a=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 "
    + ":".join(["AB"] * 32)
    + "\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
)


def table(results: Results) -> str:
    """Features down, clients across: ✓, ✗, or — where the client has no such thing."""
    clients = [client for client in CLIENTS if client.name in results]
    rows = [
        ["", *(f"{c.name} {c.version}" for c in clients)],
        ["---", *("---" for _ in clients)],
        *([feature, *(_mark(results[c.name], feature) for c in clients)] for feature in FEATURES),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _mark(found: dict[str, str], feature: str) -> str:
    if feature not in found:
        return "—"
    return "✗" if found[feature] else "✓"


def written(page: str, made: str) -> str:
    """The page with the table in its place."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{made}\n{END}{tail}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", default="", help="only clients whose name has this")
    parser.add_argument("--feature", default="", help="only these, with commas between")
    parser.add_argument("--no-page", action="store_true", help="leave docs/clients.md as it is")
    asked = parser.parse_args()
    chosen = [client for client in CLIENTS if asked.client.lower() in client.name.lower()]
    results: Results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speech(folder)
        servers = [Server(folder), Server(folder, "--tls")]
        try:
            for client in chosen:
                url = servers[client.tls].url
                results[client.name] = attempt(client, url, folder, asked.feature)
        finally:
            for server in servers:
                server.stop()
        faults = [fault for server in servers for fault in server.faults]
        if faults:
            print(*(server.log[-4000:] for server in servers), sep="\n")
    print(table(results))
    wrong = [
        f"{client}, {feature}: {why}"
        for client, found in results.items()
        for feature, why in found.items()
        if why
    ]
    print(*wrong, *faults, sep="\n")
    if not asked.no_page and len(chosen) == len(CLIENTS) and not asked.feature:
        PAGE.write_text(written(PAGE.read_text(), table(results)))
    sys.exit(bool(wrong or faults))


if __name__ == "__main__":
    main()
