"""Who makes local engines. Nothing of a library or a model is loaded here."""

from __future__ import annotations

from collections.abc import Callable

from ..base import Provider, Tts, Wanted
from .voice import LocalVoice
from .weights import state


def _voice(engine: str) -> Callable[[Wanted], Tts]:
    return lambda wanted: LocalVoice(engine, wanted.model, wanted.voice, engine)


PIPER = Provider("Piper's voices", {"tts": _voice("piper")}, lambda: state("piper"))
KOKORO = Provider("Kokoro's voices", {"tts": _voice("kokoro")}, lambda: state("kokoro"))
SHERPA = WHISPER = KOKORO
