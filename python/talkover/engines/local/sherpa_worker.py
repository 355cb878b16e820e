"""The process that sherpa-onnx runs in: of all callers' streams a chunk at a time, together."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy reads it when it is imported
import numpy as np
import sherpa_onnx  # pyright: ignore[reportMissingTypeStubs]  it has none

from .. import frames

RATE = 16000
TOGETHER = 16
"""Streams that are decoded in one run of the network."""
AFTER = np.zeros(RATE // 2, np.float32)
"""Silence that a network wants behind the last word before it gives it."""


def load(folder: Path) -> Any:
    """A recogniser for the transducer in it. ValueError."""

    def file(part: str) -> str:
        found = sorted(folder.glob(f"*{part}*.onnx"), key=lambda one: ".int8." not in one.name)
        if not found:
            raise ValueError(f"there is no {part} (.onnx) in it")
        return str(found[0])

    recogniser: Any = sherpa_onnx.OnlineRecognizer
    shared: dict[str, Any] = {
        "tokens": str(folder / "tokens.txt"),
        "num_threads": max(1, len(os.sched_getaffinity(0)) // 2),
        "sample_rate": RATE,
        "feature_dim": 80,
        "enable_endpoint_detection": False,
    }
    return recogniser.from_transducer(
        encoder=file("encoder"), decoder=file("decoder"), joiner=file("joiner"), **shared
    )


@dataclass(slots=True)
class Caller:
    """An utterance. `asked`: numbers of the questions for its words that wait."""

    stream: Any
    taken: int = 0
    said: str = ""
    asked: list[int] = field(default_factory=list[int])


class Ears:
    def __init__(self, recogniser: Any) -> None:
        self._recogniser = recogniser
        self._callers: dict[int, Caller] = {}

    def handle(self, stream: int, kind: bytes, payload: bytes) -> None:
        if kind == b"Z":
            self._callers.pop(stream, None)
            return
        if stream not in self._callers:
            self._callers[stream] = Caller(self._recogniser.create_stream())
        caller = self._callers[stream]
        if kind == b"A":
            sound = np.frombuffer(payload, "<i2", len(payload) // 2).astype(np.float32) / 32768
            caller.stream.accept_waveform(RATE, sound)
            caller.taken += len(payload)
        else:
            caller.stream.accept_waveform(RATE, AFTER)
            caller.asked.append(int(payload))

    def step(self) -> bool:
        """A chunk of each stream that has one; those that have none are told how they stand.

        Whether there is more to decode.
        """
        ready = [n for n, one in self._callers.items() if self._recogniser.is_ready(one.stream)]
        turn = ready[:TOGETHER]
        if turn:
            self._recogniser.decode_streams([self._callers[n].stream for n in turn])
        for n in turn:
            # The others come first next time.
            caller = self._callers[n] = self._callers.pop(n)
            text = self._text(caller)
            if text != caller.said:
                caller.said = text
                frames.write(n, b"P", json.dumps({"text": text}).encode())
        for n in {*turn, *(n for n, one in self._callers.items() if one.asked)}:
            caller = self._callers[n]
            if not self._recogniser.is_ready(caller.stream):
                frames.write(n, b"D", str(caller.taken).encode())
                for asked in caller.asked:
                    answer = {"text": self._text(caller), "asked": asked}
                    frames.write(n, b"W", json.dumps(answer).encode())
                caller.asked.clear()
        return any(self._recogniser.is_ready(one.stream) for one in self._callers.values())

    def _text(self, caller: Caller) -> str:
        """Models that were trained on capitals alone say nothing by them."""
        text = str(self._recogniser.get_result(caller.stream)).strip()
        return text.lower() if text.isupper() else text


def main() -> None:
    folder = Path(sys.argv[1])
    try:
        ears = Ears(load(folder))
        # The first run is the slowest; nobody waits for this one.
        ears.handle(0, b"A", bytes(2 * RATE))
        while ears.step():
            pass
        ears.handle(0, b"Z", b"")
    except Exception as error:
        sys.exit(f"The sherpa model {folder} cannot be used: {error}")
    inbox: queue.Queue[tuple[int, bytes, bytes] | None] = queue.Queue()

    def read() -> None:
        for message in frames.read():
            inbox.put(message)
        inbox.put(None)

    threading.Thread(target=read, daemon=True).start()
    frames.write(0, b"R")
    more = False
    while True:
        try:
            message = inbox.get(block=not more)
        except queue.Empty:
            more = ears.step()
            continue
        if message is None:
            return
        ears.handle(*message)
        if inbox.empty():
            more = ears.step()


if __name__ == "__main__":
    main()
