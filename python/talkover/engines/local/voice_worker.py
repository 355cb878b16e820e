"""The process that a voice's model and espeak-ng run in, one clause after the other."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy reads it when it is imported
import numpy as np

from .inbox import Inbox
from .kokoro import Kokoro
from .onnx import Stopped
from .phonemes import Phonemes
from .piper import Piper
from .voice import HEAD

KINDS = {"piper": Piper, "kokoro": Kokoro}


def spoken(
    model: Piper | Kokoro, phonemes: Phonemes, text: str, voice: str | None, speed: float
) -> bytes:
    """As `voice.py` takes it. ValueError, Stopped."""
    sound = model.speak(phonemes, text, voice, speed)
    return HEAD.pack(model.rate) + (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


def main() -> None:
    kind, path = sys.argv[1:]
    try:
        phonemes, model = Phonemes(), KINDS[kind](Path(path))
        # The first run is the slowest; nobody waits for this one.
        spoken(model, phonemes, "Yes.", None, 1.0)
    except Exception as error:
        sys.exit(f"The {kind} model {path} cannot be used: {error}")
    inbox = Inbox(model.network.stop)
    inbox.start()
    while (jobs := inbox.take(1)) is not None:
        ((stream, payload),) = jobs
        model.network.begin()
        try:
            # Nobody may have wanted it any more before there was a run that could be stopped.
            if not inbox.is_wanted(stream):
                raise Stopped
            inbox.answer(stream, b"S", spoken(model, phonemes, **json.loads(payload)))
        except Stopped:
            inbox.answer(stream, b"E", b"stopped")
        except Exception as error:
            inbox.answer(stream, b"E", str(error).encode())


if __name__ == "__main__":
    main()
