"""The protocol's beta shapes, read as what they became; nothing is ever sent in them."""

from __future__ import annotations

from typing import Any, cast

Json = dict[str, Any]

_FORMATS: dict[str, Json] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_PLACES: dict[str, tuple[str, ...]] = {
    "modalities": ("output_modalities",),
    "max_response_output_tokens": ("max_output_tokens",),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
}
"""Flat name → where it is now. What is there already under its own name counts."""


def current(settings: Json) -> Json:
    """A session, or a response's settings, with beta names moved to where they are now."""
    if not any(name in settings for name in _PLACES):
        return settings
    moved: Json = {k: v for k, v in settings.items() if k not in _PLACES}
    for name, path in _PLACES.items():
        if name in settings:
            _put(moved, path, _value(name, settings[name]))
    return moved


def _value(name: str, value: Any) -> Any:
    if name == "modalities" and isinstance(value, list) and "audio" in cast("list[Any]", value):
        return ["audio"]
    if name.endswith("audio_format") and isinstance(value, str):
        return _FORMATS.get(value, value)
    return cast(Any, value)


def _put(settings: Json, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = settings.get(name)
        if inner is not None and not isinstance(inner, dict):
            return
        # A copy: the client's own object may be shown in an error.
        settings[name] = dict(cast(Json, inner or {}))
        settings = settings[name]
    settings.setdefault(path[-1], value)
