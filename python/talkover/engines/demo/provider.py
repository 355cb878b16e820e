"""The embedded demo: no key, no network, all on this machine."""

from __future__ import annotations

import importlib.util

from ...errors import ConfigError
from ..base import Llm, Provider, Stt, Tts, Wanted


def _stt(wanted: Wanted) -> Stt:
    _need("pocketsphinx", wanted)
    from .ear import PocketsphinxEar

    return PocketsphinxEar()


def _llm(wanted: Wanted) -> Llm:
    from .script import ScriptedModel

    return ScriptedModel()


def _tts(wanted: Wanted) -> Tts:
    _need("espeakng_loader", wanted)
    from .voice import EspeakVoice

    return EspeakVoice(wanted.voice)


def _need(package: str, wanted: Wanted) -> None:
    if importlib.util.find_spec(package) is None:
        raise ConfigError(
            "The embedded demo, which serves where no other engine is given, is not installed: "
            f'pip install "talkover[demo]", or give --{wanted.role} URL.'
        )


PROVIDER = Provider("the embedded demo, on this machine", {"stt": _stt, "llm": _llm, "tts": _tts})
