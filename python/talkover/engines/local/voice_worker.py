"""The process that a voice's model and espeak-ng run in, one clause after the other."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy reads it when it is imported
import numpy as np

from .. import frames
from .kokoro import Kokoro
from .onnx import Stopped
from .phonemes import Phonemes
from .piper import Piper
from .voice import HEAD

KINDS = {"piper": Piper, "kokoro": Kokoro}


class Speaker:
    """Speaks on the main thread; cancelling comes from the reader's."""

    def __init__(self, model: Piper | Kokoro) -> None:
        self._model = model
        self._phonemes = Phonemes()
        self._lock = threading.Lock()
        self._stream: int | None = None
        self._unwanted: set[int] = set()

    def speak(self, stream: int, text: str, voice: str | None, speed: float) -> bytes:
        """ValueError, Stopped."""
        with self._lock:
            self._stream = stream
            if stream in self._unwanted:
                raise Stopped
        sound = self._model.speak(self._phonemes, text, voice, speed)
        pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
        return HEAD.pack(self._model.rate) + pcm

    def over(self, stream: int) -> None:
        with self._lock:
            self._stream = None
            self._unwanted.discard(stream)

    def cancel(self, stream: int) -> None:
        with self._lock:
            self._unwanted.add(stream)
            if stream == self._stream:
                self._model.network.stop()


def main() -> None:
    kind, path = sys.argv[1:]
    try:
        speaker = Speaker(KINDS[kind](Path(path)))
        # The first run is the slowest; nobody waits for this one.
        speaker.speak(0, "Yes.", None, 1.0)
        speaker.over(0)
    except Exception as error:
        sys.exit(f"The {kind} model {path} cannot be used: {error}")
    jobs: queue.Queue[tuple[int, bytes] | None] = queue.Queue()

    def read() -> None:
        for stream, what, payload in frames.read():
            if what == b"X":
                speaker.cancel(stream)
            else:
                jobs.put((stream, payload))
        jobs.put(None)

    threading.Thread(target=read, daemon=True).start()
    frames.write(0, b"R")
    while (job := jobs.get()) is not None:
        stream, payload = job
        try:
            frames.write(stream, b"S", speaker.speak(stream, **json.loads(payload)))
        except Stopped:
            frames.write(stream, b"E", b"stopped")
        except Exception as error:
            frames.write(stream, b"E", str(error).encode())
        finally:
            speaker.over(stream)


if __name__ == "__main__":
    main()
