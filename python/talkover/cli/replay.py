"""`talkover replay`: a recorded call as a timeline of two voices, with each decision and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bundle.file import Bundle, read_bundle
from ..errors import ConfigError, InputError
from ..turn import inputs as i
from ..turn.as_test import as_test
from ..turn.policy import policy
from ..turn.trace import Decision, Moment, Step, decisions, moments, replay
from ..turn.what_if import Change, what_if

DONE = {
    "commit": "turn over", "discard": "no turn", "interrupt": "cancelled", "resume": "resumed",
}  # fmt: skip
"""What came of a decision, in a timeline's words."""
REFLEX_S = 0.1
"""The reflex ducks on the first frame, before the detector says since when there was a voice."""
MOST_UNHEARD = 8
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@dataclass(frozen=True, slots=True)
class Row:
    at: float
    """Seconds since the call began."""
    who: str
    text: str
    moment: int = 0
    """The number of what the user said, in the row that begins it."""


def show(file: Path, turn: int | None, settings: list[str]) -> bool:
    """Print it; True where today's machine decides otherwise than the recording. InputError."""
    bundle = read_bundle(file)
    chosen = _chosen(bundle, turn)
    print(_head(bundle), "", sep="\n")
    for row in timeline(bundle, chosen):
        mark = f"#{row.moment}" if row.moment else ""
        print(f"{mark:>4} {row.at:9.3f}  {row.who:5}  {row.text}".rstrip())
    print()
    if settings:
        numbers = {moment.number for moment in chosen}
        for line in _changes(bundle, _settings(settings), numbers):
            print(line)
    wrong = list(_differences(bundle.steps))
    count = sum(1 for step in bundle.steps for _ in decisions(step))
    if wrong:
        print(
            f"{len(wrong)} steps of {len(bundle.steps)} come out otherwise:", *wrong[:20], sep="\n"
        )
    else:
        print(f"replayed {len(bundle.steps)} steps: all {count} decisions come out as recorded")
    return bool(wrong)


def test_of(file: Path, turn: int | None) -> str:
    """What the user said at `turn`, as a test for pytest. InputError."""
    bundle = read_bundle(file)
    if turn is None:
        raise InputError("--as-test makes a test of one turn; say which, as in --turn 2.")
    try:
        return as_test(bundle.steps, turn, bundle.title)
    except ValueError as error:
        raise InputError(str(error)) from None


def timeline(bundle: Bundle, chosen: list[Moment]) -> list[Row]:
    """What was said and decided, in order of time; with moments chosen, only within them."""
    every = moments(bundle.steps)
    rows = [*_voices(bundle.events, every), *_deeds(bundle.steps)]
    rows.sort(key=lambda row: row.at)
    if len(chosen) == len(every):
        return rows
    (moment,) = chosen
    after = [one.at - REFLEX_S for one in every if one.number > moment.number]
    end = min(after, default=float("inf"))
    return [row for row in rows if moment.at - REFLEX_S <= row.at < end]


def _voices(events: list[tuple[int, dict[str, Any]]], every: list[Moment]) -> Iterator[Row]:
    """The user's words where they began, the agent's where they sounded, and what was heard."""
    said = {
        event["item_id"]: event["transcript"]
        for _, event in events
        if event["type"] == _TRANSCRIBED
    }
    spoken: dict[str, str] = {}
    heard: dict[str, str] = {}
    for _, event in events:
        reply = event.get("response_id", "")
        if event["type"] == "response.output_audio_transcript.delta":
            spoken[reply] = spoken.get(reply, "") + event["delta"]
        elif event["type"] == "talkover.heard":
            heard[reply] = event["text"]
    begun: set[int] = set()
    for ms, event in events:
        match event["type"]:
            case "input_audio_buffer.speech_started":
                at = event["audio_start_ms"] / 1000
                words = said.get(event["item_id"], "")
                number = _number(every, ms / 1000) if words else 0
                fresh = 0 if number in begun else number
                begun.add(number)
                yield Row(at, "user", words or "(a voice without words)", fresh)
            case "talkover.backchannel":
                number = _number(every, ms / 1000)
                at = every[number - 1].at if number else ms / 1000
                begun.add(number)
                yield Row(at, "user", f"({event['text']})", number)
            case "conversation.item.added" if _typed(event["item"]):
                yield Row(ms / 1000, "user", f"{_typed(event['item'])} (typed)")
            case "output_audio_buffer.started":
                reply = event["response_id"]
                yield Row(ms / 1000, "agent", _cut(spoken.get(reply, ""), heard.get(reply)))
            case _:
                pass
    yield from (Row(m.at, "user", "(a sound)", m.number) for m in every if m.number not in begun)


def _number(every: list[Moment], at: float) -> int:
    """The moment that is going on."""
    return max((m.number for m in every if m.steps[0].now <= at + 0.001), default=0)


def _typed(item: dict[str, Any]) -> str:
    content: list[dict[str, Any]] = item.get("content") or []
    return " ".join(part["text"] for part in content if part.get("type") == "input_text")


def _cut(spoken: str, heard: str | None) -> str:
    spoken = spoken.strip()
    if heard is None or len(heard.strip()) >= len(spoken):
        return spoken
    rest = spoken[len(heard.strip()) :].split()
    more = " …" if len(rest) > MOST_UNHEARD else ""
    ahead = " ".join(rest[:MOST_UNHEARD])
    return f"{heard.strip()} | {ahead}{more} ({len(rest)} words unheard)"


def _deeds(steps: list[Step]) -> Iterator[Row]:
    """What the reflex did, and what was decided."""
    voice: float | None = None
    for step in steps:
        match step.given:
            case i.SpeechStarted(at):
                voice = at
            case i.SpeechStopped():
                voice = None
            case i.Ducked() | i.Held() | i.Resumed() as level:
                yield Row(step.now, "", _level(type(level).__name__.lower(), step.now, voice))
            case _:
                pass
        yield from (Row(step.now, "", f"  {_told(one)}") for one in decisions(step))


def _level(what: str, now: float, voice: float | None) -> str:
    if what == "resumed":
        return "  at full voice again"
    why = "at the first sound" if voice is None else f"{round((now - voice) * 1000)} ms of voice"
    return f"  {what}: {why}"


def _told(one: Decision) -> str:
    return f"{DONE[one.what]}: {one.why}"


def _head(bundle: Bundle) -> str:
    about = bundle.about
    lasted = f"{about['seconds']:.1f} s" if bundle.whole else "cut off by a crash"
    engines = ", ".join(f"{one['role']} {one['name']}" for one in about.get("engines", []))
    return (
        f"{about.get('session')} with {about.get('agent') or 'an agent'}, {about.get('began')}, "
        f"{lasted} over {about.get('transport', 'webrtc')}\n"
        f"Talkover {about.get('talkover')}; {engines}"
    )


def _changes(bundle: Bundle, settings: dict[str, Any], numbers: set[int]) -> Iterator[str]:
    shown = ", ".join(f"{name}={value}" for name, value in settings.items())
    found = [one for one in what_if(bundle.steps, settings) if one.moment in numbers]
    if not found:
        yield f"with {shown} no decision changes\n"
        return
    yield f"with {shown}, {len(found)} of {len(numbers)} turns change:"
    for change in found:
        yield from _change(change)
    yield ""


def _change(change: Change) -> Iterator[str]:
    was, would = change.was, change.would
    if was is not None:
        yield f"{f'#{change.moment}':>4} {was.at:9.3f}  was    {_told(was)}"
    else:
        yield f"{f'#{change.moment}':>4} {'':9}  was    undecided"
    if would is not None:
        yield f"{'':4} {would.at:9.3f}  would  {_told(would)}"
    else:
        yield f"{'':4} {'':9}  would  wait on"
    if change.spoke_on is not None:
        yield f"{'':4} {change.spoke_on:9.3f}         and the user spoke on here"


def _differences(steps: list[Step]) -> Iterator[str]:
    for was, now in zip(steps, replay(steps), strict=True):
        if was != now:
            yield f"{was.now:9.3f}  {was.given}\n{'':11}was {was.made}\n{'':11}now {now.made}"


def _chosen(bundle: Bundle, turn: int | None) -> list[Moment]:
    every = moments(bundle.steps)
    if turn is None:
        return every
    if not 1 <= turn <= len(every):
        raise InputError(f"There is no turn {turn}; this call has {len(every)}.")
    return [every[turn - 1]]


def _settings(given: list[str]) -> dict[str, Any]:
    """`turn.silence_ms=500` as a field of the turn policy. ConfigError."""
    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.removeprefix("turn.").partition("=")
        if not equals:
            raise ConfigError(f"--set {one}: write it as in --set turn.silence_ms=500.")
        words = {"true": True, "false": False}
        found[name] = int(value) if value.isdecimal() else words.get(value, value)
    try:
        policy(found)
    except ValueError as error:
        raise ConfigError(f"--set: {error}") from None
    return found
