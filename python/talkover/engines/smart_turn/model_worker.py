"""The process that the end-of-turn model runs in, one question after the other."""

from __future__ import annotations

import os
import struct
import sys
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy reads it when it is imported
import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  it has none

from .. import frames
from .features import FRAMES, MELS, SAMPLES, log_mel


class Model:
    """One thread of one core; the file's input is Whisper's picture of eight seconds."""

    def __init__(self, path: str) -> None:
        runtime: Any = onnxruntime
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Without this the sums of 8-bit products overflow on processors that have no VNNI: of 60
        # recorded sentences cut short at 40 %, 62 % then count as finished instead of 38 %.
        options.add_session_config_entry("session.x64quantprecision", "1")
        self._session = runtime.InferenceSession(path, options, ["CPUExecutionProvider"])
        (takes,) = self._session.get_inputs()
        if takes.shape[1:] != [MELS, FRAMES]:
            raise ValueError(f"it takes {takes.shape}, not (n, {MELS}, {FRAMES})")
        self._takes = takes.name

    def likely_end(self, pcm: bytes) -> float:
        """0 to 1, of 16 kHz mono s16le that ends now; of more than eight seconds the last."""
        heard = np.frombuffer(pcm, "<i2", len(pcm) // 2)[-SAMPLES:]
        sound = np.zeros(SAMPLES, np.float32)
        sound[SAMPLES - len(heard) :] = heard / 32768
        (answer,) = self._session.run(None, {self._takes: log_mel(sound)[np.newaxis]})
        return float(answer[0, 0])


def main() -> None:
    try:
        model = Model(sys.argv[1])
        # The first run is the slowest; nobody waits for this one.
        model.likely_end(b"")
    except Exception as error:
        sys.exit(f"The end-of-turn model {sys.argv[1]} cannot be used: {error}")
    frames.write(0, b"R")
    for stream, _, pcm in frames.read():
        frames.write(stream, b"P", struct.pack("<f", model.likely_end(pcm)))


if __name__ == "__main__":
    main()
