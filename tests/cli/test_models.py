"""A whole server on local engines, with models that are made here."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import numpy as np
import pytest
from cli.process import Serving, talkover
from engines import local_models


@pytest.mark.slow
def test_a_server_hears_and_speaks_by_local_engines_and_says_which_weights_are_missing(
    tmp_path: Path,
):
    piper, sherpa = tmp_path / "piper", tmp_path / "sherpa"
    piper.mkdir(), sherpa.mkdir()
    local_models.piper(piper)
    local_models.sherpa(sherpa)
    with Serving(tmp_path, "--stt", f"sherpa#{sherpa}", "--tts", f"kokoro,piper#{piper}") as server:
        server.logged(r"talkover models pull kokoro-v1\.0")
        assert re.search("stt  sherpa .real., this machine", server.logged(r"stt .*")[0])
        said = tmp_path / "said.wav"
        ran = talkover(
            tmp_path, "call", server.url, "--text", "What time is it?", "--record", str(said)
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    with wave.open(str(said)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(sound).max() > 8000
