"""Engines behind OpenAI-compatible servers: any http(s) URL, and OpenAI by its name."""

from __future__ import annotations

from ..base import Provider, Wanted
from .chat import ChatModel
from .realtime import Realtime
from .speech import RemoteVoice
from .transcription import Transcription
from .upstream import Upstream

REALTIME_URL = "wss://api.openai.com/v1/realtime"
MODEL = "gpt-realtime"
URL = "https://api.openai.com/v1"


def _upstream(wanted: Wanted) -> Upstream:
    return Upstream(wanted.url or URL, wanted.api_key, wanted.role, wanted.stall_s)


def _stt(wanted: Wanted) -> Transcription:
    return Transcription(_upstream(wanted), wanted.model or "whisper-1")


def _llm(wanted: Wanted) -> ChatModel:
    return ChatModel(_upstream(wanted), wanted.model)


def _tts(wanted: Wanted) -> RemoteVoice:
    return RemoteVoice(_upstream(wanted), wanted.model or "tts-1", wanted.voice or "alloy")


def _s2s(wanted: Wanted) -> Realtime:
    url = wanted.url or REALTIME_URL
    model = wanted.model or (MODEL if wanted.url is None else None)
    return Realtime(url, model, wanted.api_key, wanted.voice, wanted.stall_s)


PROVIDER = Provider(
    "OpenAI, or any server that is compatible with it, by its URL",
    {"stt": _stt, "llm": _llm, "tts": _tts, "s2s": _s2s},
)
