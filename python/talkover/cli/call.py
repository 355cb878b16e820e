"""`talkover call`: one conversation as a readable dialogue, or many as percentiles."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from ..media.port import MediaPort
from .caller import Caller, CallError, Event, read_wav
from .script import Outcome, Step, run_script

SILENCE_S = 2.0


def shown(at: float, event: Event) -> str | None:
    """One line for an event that a person wants to read."""
    match event["type"]:
        case "conversation.item.input_audio_transcription.completed":
            line = f"you    {event['transcript']}"
        case "response.output_audio_transcript.done":
            line = f"agent  {event['transcript'].strip()}"
        case "response.output_text.done":
            line = f"agent  {event['text'].strip()}"
        case "response.done" if event["response"]["status"] != "completed":
            details: dict[str, Any] = event["response"].get("status_details") or {}
            line = f"       ({event['response']['status']}: {details.get('reason', '')})"
        case "talkover.heard":
            line = f"       (heard: {event['text'].strip()})" if not event["exact"] else ""
        case "talkover.turn":
            stages = ", ".join(f"{k} {v:.0f}" for k, v in event["timings"].items())
            line = f"       ({stages} ms)"
        case "talkover.tool" if event["phase"] != "started":
            line = f"tool   {event['name']}({event['arguments']}) = {event['output']}"
        case "talkover.backchannel":
            line = f"you    [{event['text']}]"
        case "error":
            line = f"error  {event['error']['message']}"
        case _:
            return None
    return f"{at:7.2f}  {line}" if line.strip() else None


async def one(
    url: str, *, play: Path | None, record: Path | None, text: str | None, tcp: bool,
    token: str | None, agent: str | None, seconds: float,
) -> None:  # fmt: skip
    """One call: ask, listen to the answer, hang up. CallError."""

    def tell(at: float, event: Event) -> None:
        line = shown(at, event)
        if line:
            print(line, flush=True)

    async with Caller(url, token=token, tcp=tcp, agent=agent, on_event=tell) as call:
        print(f"{call.now:7.2f}  connected over {call.transport}")
        done = 0
        if play is not None or text is not None:
            done = await _greeted(call)
        if play is not None:
            call.play(*read_wav(play))
        if text is not None:
            call.type(text)
        wanted = done + 1 if play is not None or text is not None else 1
        await _answered(call, wanted, seconds)
        if record is not None:
            call.save(record)
            print(f"{call.now:7.2f}  recorded {record}")


async def scripted(
    url: str, steps: list[Step], *, token: str | None, tcp: bool, agent: str | None
) -> list[Outcome]:
    """Run a script in one call. CallError."""
    async with Caller(url, token=token, tcp=tcp, agent=agent) as call:
        return await run_script(call, steps, await _greeted(call))


async def _greeted(call: Caller) -> int:
    """How many replies there are before ours; a greeting is heard out."""
    await call.wait_for("session.created")
    try:
        await call.wait_for("output_audio_buffer.started", 1, SILENCE_S)
        await call.wait_for("output_audio_buffer.stopped", 1, 30)
    except TimeoutError:
        pass
    return len(call.of("response.done"))


async def _answered(call: Caller, count: int, seconds: float) -> None:
    try:
        await call.wait_for("response.done", count, seconds)
        await asyncio.sleep(0.3)
    except TimeoutError:
        raise CallError(f"No answer within {seconds:.0f} s.") from None


async def many(url: str, count: int, *, text: str, token: str | None, seconds: float) -> int:
    """`count` calls at once, each asking `text`; prints percentiles. Returns how many failed."""
    media = MediaPort("127.0.0.1", 0)
    connected: list[float] = []
    answered: list[float] = []
    failed: list[str] = []

    async def ask() -> None:
        try:
            async with Caller(url, token=token, media=media) as call:
                connected.append(call.now * 1000)
                before = await _greeted(call)
                asked = call.now
                call.type(text)
                await call.wait_for("output_audio_buffer.started", before + 1, seconds)
                answered.append((call.now - asked) * 1000)
        except (CallError, TimeoutError) as error:
            failed.append(str(error) or "no answer in time")

    await asyncio.gather(*(ask() for _ in range(count)))
    media.close()
    for name, values in (("connected", connected), ("answer audible", answered)):
        print(
            f"{name:15} p50 {percentile(values, 50):7.0f} ms  p95 {percentile(values, 95):7.0f} ms"
        )
    for reason in sorted(set(failed)):
        print(f"failed          {failed.count(reason)} x {reason}", file=sys.stderr)
    return len(failed)


def percentile(values: list[float], percent: float) -> float:
    """The nearest rank; 0 for nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
