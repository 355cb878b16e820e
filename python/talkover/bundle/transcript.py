"""A call in words, for people: who said what, when, as it was heard."""

from __future__ import annotations

from typing import Any

WIDTH = 8


class Transcript:
    """Takes the call's Realtime events in order, and gives each thing said once it is sure.

    A line has the time at which it began (minutes:seconds of the call), who, and the words: the
    user's as they were understood, the agent's as far as they were heard.
    """

    def __init__(self) -> None:
        self._began: dict[str, int] = {}
        """By the user's item, or the agent's response: ms."""
        self._cut: set[str] = set()

    def take(self, ms: int, event: dict[str, Any]) -> list[str]:
        """`ms`: when it was told. The lines that it makes, without their ends."""
        match event["type"]:
            case "input_audio_buffer.speech_started":
                self._began[event["item_id"]] = event["audio_start_ms"]
            case "output_audio_buffer.started":
                self._began[event["response_id"]] = ms
            case "conversation.item.truncated":
                self._cut.add(event["item_id"])
            case "conversation.item.input_audio_transcription.completed":
                return self._said(ms, event["item_id"], "user", event["transcript"])
            case "talkover.backchannel":
                return [line(ms, "user", f"({event['text']})")]
            case "conversation.item.added":
                return [line(ms, "user", f"{text} (typed)") for text in _typed(event["item"])]
            case "response.output_text.done":
                return self._said(ms, event["response_id"], "agent", f"{event['text']} (written)")
            case "talkover.heard":
                cut = " … (cut off)" if event["item_id"] in self._cut else ""
                return self._said(ms, event["response_id"], "agent", f"{event['text']}{cut}")
            case "talkover.ended":
                return [line(ms, "", f"({event['reason']})")]
            case _:
                pass
        return []

    def _said(self, ms: int, key: str, who: str, words: str) -> list[str]:
        at = self._began.pop(key, ms)
        return [line(at, who, words)] if words.strip() else []


def line(ms: int, who: str, words: str) -> str:
    """One line of it; a line break within the words becomes a space."""
    minutes, seconds = divmod(ms / 1000, 60)
    return f"{minutes:3.0f}:{seconds:04.1f}  {who:{WIDTH}}{' '.join(words.split())}"


def _typed(item: dict[str, Any]) -> list[str]:
    content: list[dict[str, Any]] = item.get("content") or []
    if item.get("role") != "user":
        return []
    return [part["text"] for part in content if part.get("type") == "input_text"]
