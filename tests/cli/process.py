"""The real `talkover` command in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from talkover.cli.main import main; main()")
PATIENCE_S = 60


def environment(folder: Path, **more: str) -> dict[str, str]:
    home = {"HOME": str(folder), "PATH": os.defpath, "PYTHONPATH": str(ROOT / "python")}
    # Who ends a server here wants it gone, whoever may still be in a call.
    home["TALKOVER_DRAIN_SECONDS"] = "0"
    return home | more


def talkover(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment(folder, **(env or {})),
        capture_output=True, text=True, timeout=2 * PATIENCE_S,
    )  # fmt: skip


def until(true: Callable[[], Any], seconds: float = PATIENCE_S) -> None:
    """Wait for something that another process brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


class Serving:
    """A command that serves; `with` ends it by SIGTERM. `port` and `media` default to any."""

    def __init__(
        self, folder: Path, *arguments: str,
        command: tuple[str, ...] = (*COMMAND, "serve"), env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.file = folder / f"serve-{time.monotonic_ns()}.log"
        ports = {"TALKOVER_PORT": "0", "TALKOVER_MEDIA_PORT": "0"}
        with self.file.open("w") as out:
            self.process = subprocess.Popen(
                [*command, *arguments], cwd=folder,
                env=environment(folder, **{**ports, **(env or {})}),
                stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self.file.read_text()

    @property
    def url(self) -> str:
        return self.logged(r"listens at (\S+)")[1]

    def logged(self, pattern: str, seconds: float = PATIENCE_S) -> re.Match[str]:
        """Wait until the log matches."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            over = self.process.poll() is not None
            if found := re.search(pattern, self.log):
                return found
            if over:
                break
            time.sleep(0.02)
        raise AssertionError(f"not in the log: {pattern}\n{self.log}")

    def page(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/console.json", timeout=10) as response:
            return json.load(response)

    def children(self) -> list[int]:
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in found.split()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Models:
    """A server on loopback that only lists models."""

    def __init__(self, *names: str) -> None:
        body = json.dumps({"data": [{"id": name} for name in names]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
