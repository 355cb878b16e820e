"""Microphone and speaker for a call; they need the extra `sound` and a device."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ..errors import InputError
from .caller import RATE, Caller

BLOCK = RATE // 50
FIRST_BYTES = 3 * BLOCK * 2
"""Kept before the first sound is played, so that late packets leave no gap."""
MOST_BYTES = 20 * BLOCK * 2
MOST_AHEAD_MS = 120
"""Of microphone sound waiting to be sent; more would only be delay."""
LONGEST_S = 24 * 3600.0


class Speaker:
    """Sound on its way to the device: `push` on the loop's thread, `pull` on the device's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._filling = True

    def push(self, pcm: bytes) -> None:
        """Take what was heard; when too much waits, the oldest is left out."""
        with self._lock:
            self._waiting += pcm
            if len(self._waiting) > MOST_BYTES:
                del self._waiting[: len(self._waiting) - FIRST_BYTES]

    def pull(self, size: int) -> bytes:
        """`size` bytes: silence at first, and after a gap until there is enough again."""
        with self._lock:
            if self._filling and len(self._waiting) < FIRST_BYTES:
                return bytes(size)
            out = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._filling = len(out) < size
        return out + bytes(size - len(out))


class Microphone:
    """What goes from the device into the call, on the loop's thread."""

    def __init__(self, call: Caller) -> None:
        self._call = call
        self._waiting_ms = 0

    def take(self, pcm: bytes) -> None:
        """Say it, unless the device's clock has run so far ahead that it would only come late."""
        if self._waiting_ms > MOST_AHEAD_MS:
            self._waiting_ms -= len(pcm) * 1000 // (2 * RATE)
            return
        self._waiting_ms = self._call.speak(pcm, RATE)


class Sound:
    def __init__(self, device: Any) -> None:
        self.speaker = Speaker()
        self._device = device

    async def speak_into(self, call: Caller) -> None:
        """Send what the microphone hears until the call ends. CallError, InputError."""
        loop, microphone = asyncio.get_running_loop(), Microphone(call)

        def heard(pcm: Any, *_: object) -> None:
            loop.call_soon_threadsafe(microphone.take, bytes(pcm))

        with _stream(self._device.RawInputStream, heard):
            await call.until(lambda: False, LONGEST_S)


@contextmanager
def open_sound() -> Generator[Sound]:
    """The speaker plays within the block. InputError says what is missing."""
    try:
        import sounddevice  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]  an extra
    except ImportError:
        raise InputError(_missing('pip install "talkover[sound]"')) from None
    except OSError:
        raise InputError(_missing("install the PortAudio library")) from None
    device: Any = sounddevice
    sound = Sound(device)

    def played(out: Any, *_: object) -> None:
        out[:] = sound.speaker.pull(len(out))

    with _stream(device.RawOutputStream, played):
        yield sound


@contextmanager
def _stream(kind: Any, callback: Any) -> Generator[None]:
    try:
        stream = kind(RATE, blocksize=BLOCK, channels=1, dtype="int16", callback=callback)
    except Exception as error:
        raise InputError(_missing(f"no device can be opened ({error})")) from None
    with stream:
        yield


def _missing(what: str) -> str:
    return f"To talk by microphone and speaker: {what}; or give --play, --text or --script."
