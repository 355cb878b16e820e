"""A real NATS server for tests, on a port of the system's choice."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def free_port() -> int:
    """Of the system's choice, and nobody's for now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def binary() -> Path:
    """What `NATS_SERVER` names, or the one beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("nats-server")
    found = os.environ.get("NATS_SERVER") or (
        beside if beside.exists() else shutil.which("nats-server")
    )
    if not found:
        raise FileNotFoundError("There is no nats-server; set NATS_SERVER to where it is.")
    return Path(found)


class NatsServer:
    """JetStream on, its data in `folder`. `stop` and `start` keep port and data. `arguments` are
    in place of those that give it neither users nor TLS."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self._folder = folder
        self._arguments = arguments or ("--jetstream", "--store_dir", folder / "nats")
        self._port = free_port()
        self.url = f"nats://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), "--addr", "127.0.0.1", "--port", str(self._port), *self._arguments],
                stdout=log, stderr=log, env=dict(os.environ),
            )  # fmt: skip
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError((self._folder / "nats.log").read_text())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.go_on()
        self._process.terminate()
        self._process.wait(10)
