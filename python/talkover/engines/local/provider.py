"""Who makes local engines. Nothing of a library or a model is loaded here."""

from __future__ import annotations

from collections.abc import Callable

from ..base import Provider, Tts, Wanted
from .sherpa import SherpaEar
from .voice import LocalVoice
from .weights import state
from .whisper import WhisperEar


def _voice(engine: str) -> Callable[[Wanted], Tts]:
    return lambda wanted: LocalVoice(engine, wanted.model, wanted.voice)


PIPER = Provider("Piper's voices", {"tts": _voice("piper")}, lambda: state("piper"))
KOKORO = Provider("Kokoro's voices", {"tts": _voice("kokoro")}, lambda: state("kokoro"))
SHERPA = Provider(
    "sherpa-onnx, words while they are spoken",
    {"stt": lambda wanted: SherpaEar(wanted.model)},
    lambda: state("sherpa"),
)
WHISPER = Provider(
    "Whisper, an utterance at a time",
    {"stt": lambda wanted: WhisperEar(wanted.model)},
    lambda: state("whisper"),
)
