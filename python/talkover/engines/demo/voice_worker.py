"""The process that espeak-ng runs in: its state is global and its licence its own."""

from __future__ import annotations

import ctypes
import json
import queue
import struct
import threading
from typing import Any

import espeakng_loader  # pyright: ignore[reportMissingTypeStubs]  it has none

from .. import frames

SYNCHRONOUS, CHARACTERS, UTF8, RATE_PARAMETER = 2, 1, 1, 1
WORD_EVENT = 1


class Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_int64),
    )


Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class Speaker:
    """Speaks one job after the other on the main thread; cancelling comes from the reader's."""

    def __init__(self) -> None:
        self._espeak: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate: int = self._espeak.espeak_Initialize(SYNCHRONOUS, 60, data, 0)
        self._callback = Callback(self._sounded)
        self._espeak.espeak_SetSynthCallback(self._callback)
        self._stream = 0
        self.cancelled: set[int] = set()

    def speak(self, stream: int, job: dict[str, Any]) -> None:
        if stream in self.cancelled:
            self.cancelled.discard(stream)
            return
        self._stream = stream
        if self._espeak.espeak_SetVoiceByName(job["voice"].encode()) != 0:
            self._espeak.espeak_SetVoiceByName(b"en-us")
        self._espeak.espeak_SetParameter(RATE_PARAMETER, job["words_per_minute"], 0)
        text = job["text"].encode() + b"\0"
        self._espeak.espeak_Synth(text, len(text), 0, CHARACTERS, 0, UTF8, None, None)
        self.cancelled.discard(stream)
        frames.write(stream, b"E")

    def _sounded(self, wave: Any, samples: int, events: Any) -> int:
        if self._stream in self.cancelled:
            return 1
        marks: list[int] = []
        n = 0
        while events[n].type != 0:
            if events[n].type == WORD_EVENT:
                marks += (events[n].sample, events[n].text_position - 1)
            n += 1
        if not samples and not marks:
            return 0
        pcm = ctypes.string_at(wave, samples * 2) if samples else b""
        head = struct.pack(f"<H{len(marks)}i", len(marks) // 2, *marks)
        frames.write(self._stream, b"S", head + pcm)
        return 0


def main() -> None:
    speaker = Speaker()
    jobs: queue.Queue[tuple[int, bytes] | None] = queue.Queue()

    def read() -> None:
        for stream, kind, payload in frames.read():
            if kind == b"X":
                speaker.cancelled.add(stream)
            else:
                jobs.put((stream, payload))
        jobs.put(None)

    threading.Thread(target=read, daemon=True).start()
    frames.write(0, b"R", struct.pack("<I", speaker.rate))
    while (job := jobs.get()) is not None:
        speaker.speak(job[0], json.loads(job[1]))


if __name__ == "__main__":
    main()
