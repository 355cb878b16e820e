"""A call's events as lines that a person wants to read."""

from __future__ import annotations

from typing import Any

from .caller import Event


class Dialogue:
    """`line` for each event in order; it understands any Realtime server."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._typed: set[str] = set()
        """Who comes back is told again what was said before."""

    def line(self, at: float, event: Event) -> str | None:
        """`at` in seconds; None for what is not worth a line."""
        shown = self._shown(event)
        return f"{at:7.2f}  {shown}" if shown else None

    def _shown(self, event: Event) -> str | None:
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                return f"you    {event['transcript'].strip()}"
            case "conversation.item.added" | "conversation.item.created":
                id = str(event["item"].get("id"))
                again = id in self._typed
                self._typed.add(id)
                return None if again else _typed(event["item"])
            case "response.output_audio_transcript.done" | "response.audio_transcript.done":
                said = event["transcript"].strip()
                self._said[event["item_id"]] = said
                return f"agent  {said}"
            case "response.output_text.done" | "response.text.done":
                return f"agent  {event['text'].strip()}"
            case "response.done" if event["response"]["status"] != "completed":
                return f"       ({event['response']['status']}: {_reason(event['response'])})"
            case "talkover.heard":
                heard = event["text"].strip()
                return (
                    None
                    if heard == self._said.get(event["item_id"])
                    else f"       (heard: {heard})"
                )
            case "talkover.turn":
                stages = ", ".join(f"{name} {ms:.0f}" for name, ms in event["timings"].items())
                return f"       ({stages} ms)"
            case "talkover.tool" if event["phase"] != "started":
                return f"tool   {event['name']}({event['arguments']}) = {event['output']}"
            case "talkover.backchannel":
                return f"you    [{event['text']}]"
            case "error":
                return f"error  {event['error']['message']}"
            case _:
                return None


def _reason(response: Event) -> str:
    details: dict[str, Any] = response.get("status_details") or {}
    error: dict[str, Any] = details.get("error") or {}
    return str(details.get("reason") or error.get("code") or "")


def _typed(item: Event) -> str | None:
    if item.get("type") != "message" or item.get("role") != "user":
        return None
    texts = [part["text"] for part in item["content"] if part.get("type") == "input_text"]
    return f"you    {' '.join(texts)}" if texts else None
