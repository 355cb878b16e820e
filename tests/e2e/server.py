"""A real server process for tests, and speech to call it with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from wire.frames import WRONG

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """`talkover serve` on ports of the system's choice; `log` is what it printed.

    `environment`: variables that it gets beside those it needs.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        agent: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.file = folder / "serve.log"
        target = []
        if agent is not None:
            (folder / "agent.py").write_text(agent)
            target = [str(folder / "agent.py")]
        with self.file.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from wire.frames import main; main()", "serve",
                 *target, "--port", "0", "--media-port", "0", *arguments],
                stdout=out, stderr=subprocess.STDOUT, cwd=folder,
                env={"PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'tests'}", "PATH": "/usr/bin:/bin",
                     "HOME": str(folder), "TALKOVER_DRAIN_SECONDS": "0", **(environment or {})},
            )  # fmt: skip
        self.url = self._url()
        self.media_port = int(json.loads(self.get("/console.json"))["media_port"])

    @property
    def log(self) -> str:
        return self.file.read_text()

    def _url(self) -> str:
        for _ in range(900):
            found = re.search(r"listens at (\S+)", self.log)
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"the server did not start:\n{self.log}")

    def get(self, path: str, key: str | None = None) -> bytes:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)
        assert WRONG not in self.log, self.log


def spoken(text: str, folder: Path, voice: str = "rms") -> Path:
    """A WAV file of `text`, 16 kHz mono."""
    file = folder / f"{abs(hash((text, voice)))}.wav"
    subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(file)], check=True)
    return file
