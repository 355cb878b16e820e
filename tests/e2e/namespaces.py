"""Networks of their own for tests: namespaces with cables between them, which need no privileges.

Run as a program in one of them this is a caller who takes orders, a JSON object a line, and tells
what happens to it in the same way.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from talkover.cli.caller import Caller, CallError

ROOT = Path(__file__).resolve().parents[2]
LOUD = 300
SPEAKING_S = 120
"""The caller's microphone is open for so long; it hears nothing."""


class Namespace:
    """A network stack with nothing in it but loopback. `with` ends it.

    The first makes a user namespace too; those that are to be connected with it are made `beside`
    it. OSError, RuntimeError: this system makes none.
    """

    def __init__(self, beside: Namespace | None = None) -> None:
        inside = ("-r",) if beside is None else ()
        outside = () if beside is None else beside._user()
        self._holder = subprocess.Popen(
            [*outside, "unshare", *inside, "-n", "sh", "-c", "ip link set lo up && echo up; cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pid = self._holder.pid
        assert self._holder.stdout is not None and self._holder.stderr is not None
        if self._holder.stdout.readline() != "up\n":
            self.close()
            raise RuntimeError(self._holder.stderr.read().strip() or "no loopback")

    def _user(self) -> tuple[str, ...]:
        return ("nsenter", "-t", str(self.pid), "-U", "--preserve-credentials", "--")

    @property
    def enter(self) -> tuple[str, ...]:
        """What goes before a command that is to run here."""
        return ("nsenter", "-t", str(self.pid), "-U", "-n", "--preserve-credentials", "--")

    def ip(self, command: str) -> None:
        """`ip` with these words, here."""
        done = subprocess.run(
            [*self.enter, "ip", *command.split()], capture_output=True, text=True, timeout=30
        )
        if done.returncode:
            raise RuntimeError(f"ip {command}: {done.stderr.strip()}")

    def plug(self, cable: str, other: Namespace) -> None:
        """A cable to another, named so at both ends, which are up."""
        self.ip(f"link add {cable} type veth peer name {cable} netns {other.pid}")
        for end in (self, other):
            end.ip(f"link set {cable} up")

    def close(self) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Remote:
    """A caller in a namespace; `with` hangs up. `told` is what it said so far."""

    def __init__(self, space: Namespace, folder: Path, url: str, key: str, *flags: str) -> None:
        environment = {"PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'tests'}", "HOME": str(folder)}
        self._process = subprocess.Popen(
            [*space.enter, sys.executable, "-m", "e2e.namespaces", url, key, *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
            env={"PATH": os.environ["PATH"], **environment},
        )  # fmt: skip
        self.told: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self.told.append(json.loads(line))
                self._more.notify_all()

    def order(self, **what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in list(self.told) if one["type"] == kind]

    def wait(self, true: Callable[[], Any], seconds: float = 40) -> None:
        """Until something is true that it tells."""
        end = time.monotonic() + seconds
        with self._more:
            while not true():
                left = end - time.monotonic()
                assert left > 0 and not self.of("failed"), [
                    one for one in self.told if one["type"] != "sound"
                ][-20:]
                self._more.wait(left)

    def wait_for(self, kind: str, count: int = 1, seconds: float = 40) -> dict[str, Any]:
        self.wait(lambda: len(self.of(kind)) >= count, seconds)
        return self.of(kind)[count - 1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(10)


def tell(event: Mapping[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def tell_sound(pcm: bytes) -> None:
    if max(map(abs, array("h", pcm)), default=0) > LOUD:
        tell({"type": "sound"})


async def obey(call: Caller) -> None:
    """Until nobody orders any more."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        match json.loads(line):
            case {"ask": text}:
                call.type(text)
            case {"roam": True}:
                await call.roam()
                tell({"type": "roamed"})
            case other:
                raise ValueError(other)


async def main(url: str, key: str, *flags: str) -> None:
    call = Caller(
        url, token=key, tcp="--tcp" in flags,
        on_event=lambda _, event: tell(event), on_sound=tell_sound,
    )  # fmt: skip
    try:
        async with call:
            tell({"type": "connected", "transport": call.transport})
            call.play(bytes(2 * 16000 * SPEAKING_S), 16000)
            await obey(call)
    except CallError as error:
        tell({"type": "failed", "why": str(error)})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
