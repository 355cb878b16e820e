"""When the floor changes hands: answers, barge-ins, an "mm-hm", a pause in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .agents import oracle
from .case import Case, Clips, Part, ms, taped, words
from .line import Line
from .scoring import Heard, fates
from .speech import HUMAN

QUESTION = "what time is it"
NEUTRAL = "the one with the red door"
BARGE = "actually what time is it"
OPEN_END, REST = "i would like to", "know what time it is"
MM_HM_S = (0.2, 0.3, 0.4, 0.6, 0.8)
PROMPT_PAIR = ("confbridge-leave-in", "vm-onefor-full")
DUCK_DB = 12.0


def answers(clips: Clips, n: int) -> Iterable[Case]:
    """End of speech to the answer."""
    for voice in clips.voices:
        if voice == HUMAN:
            plans = [
                (f"{words}, oracle", oracle(words), clip)
                for clip in clips.prompts(n) for words in ("complete", "neutral")
            ]  # fmt: skip
        else:
            asked, neutral = clips.say(QUESTION, voice), clips.say(NEUTRAL, voice)
            plans = [
                ("complete, oracle", oracle("complete"), asked),
                ("neutral, oracle", oracle("neutral"), asked),
                ("none, oracle", oracle("none"), asked),
                ("complete, embedded, espeak", "embedded", asked),
                ("neutral, embedded, espeak", "embedded", neutral),
            ]
        for kind, agent, clip in plans:
            yield taped("answer", kind, agent, [clip], n, over=False)


def barge_ins(clips: Clips, n: int) -> Iterable[Case]:
    """Onset over the agent's voice to its fall and its end."""
    for voice in clips.voices:
        said = clips.prompts(n) if voice == HUMAN else [clips.say(BARGE, voice)]
        for clip in said:
            yield taped("barge-in", "oracle", oracle("content"), [clip], n, over=True)
            yield taped("barge-in", "embedded", "embedded ear", [clip], n, over=True)


def mm_hms(clips: Clips, n: int) -> Iterable[Case]:
    """A sound of agreement over the agent's voice."""
    for voice in clips.voices:
        if voice == HUMAN:
            continue
        for seconds in MM_HM_S:
            clip = clips.say("mm hm", voice, seconds)
            kind = f"{seconds * 1000:.0f} ms"
            yield taped("mm-hm", f"{kind}, oracle", oracle("mm-hm"), [clip], n, over=True)
            if seconds <= 0.4:
                yield taped("mm-hm", f"{kind}, embedded", "embedded ear", [clip], n, over=True)


def pauses(clips: Clips, n: int) -> Iterable[Case]:
    """A pause after words that trail off."""
    for voice in clips.voices:
        if voice == HUMAN:
            pair = [clips.prompt(name) for name in PROMPT_PAIR]
        else:
            pair = [clips.say(OPEN_END, voice), clips.say(REST, voice)]
        yield taped("pause", "oracle", oracle("incomplete"), pair, n, over=False)
        yield taped("pause", "embedded", "embedded ear", pair, n, over=False)


def answered(line: Line, case: Case) -> dict[str, Any]:
    """How long after the last word the answer was heard."""
    began, ended = (line.spoken(at) for at in case.marks[0])
    heard = Heard(line.chunks).first_sound(began) if line.chunks else None
    timings = line.of("talkover.turn")
    started = min(line.times("output_audio_buffer.started", began), default=None)
    return {
        "audio_ms": ms(heard, ended),
        "event_ms": ms(started, ended),
        "discarded": bool(line.of("input_audio_buffer.cleared")),
        "cut_off": heard is not None and heard < ended,
        "said": words(line),
        "timings": timings[0]["timings"] if timings else None,
    }


def interrupted(line: Line, case: Case) -> dict[str, Any]:
    """How long after the onset the agent's voice fell and was gone."""
    onset = line.spoken(case.marks[0][0])
    heard = Heard(line.chunks)
    done = [event["response"] for event in line.of("response.done")]
    return {
        "ducked_ms": ms(heard.fallen(onset, DUCK_DB), onset),
        "silent_ms": ms(heard.silent(onset), onset),
        "ducked_event_ms": _since(line, "talkover.ducked", onset),
        "held_event_ms": _since(line, "talkover.held", onset),
        "resumed_event_ms": _since(line, "talkover.resumed", onset),
        "started_event_ms": _since(line, "input_audio_buffer.speech_started", onset),
        "cleared_event_ms": _since(line, "output_audio_buffer.cleared", onset),
        "cancelled": any(response["status"] == "cancelled" for response in done),
        "said": words(line),
        "before": bool(line.times("talkover.ducked"))
        and min(line.times("talkover.ducked")) < onset - 0.02,
    }


def agreed(line: Line, case: Case) -> dict[str, Any]:
    """How long the agent was silent for it, and which words that cost."""
    onset, ended = (line.spoken(at) for at in case.marks[0])
    heard = Heard(line.chunks)
    lost = any(event["response"]["status"] == "cancelled" for event in line.of("response.done"))
    told = [(at, word) for at, word in heard.words() if at > onset - 1.0]
    marks = [event["start"] for event in line.of("talkover.word")]
    return {
        "silent_ms": round(heard.longest_silence(onset, ended + 1.5) * 1000),
        "ducked_ms": ms(heard.fallen(onset, DUCK_DB), onset),
        "held_event_ms": _since(line, "talkover.held", onset),
        "resumed_event_ms": _since(line, "talkover.resumed", onset),
        "backchannel": bool(line.of("talkover.backchannel")),
        "answer_lost": lost,
        "said": words(line),
        "word_events_twice": len(marks) - len(set(marks)),
    } | fates([] if lost else told)


def paused(line: Line, case: Case) -> dict[str, Any]:
    """Whether the sentence was taken for over in its pause."""
    first_end, again = line.spoken(case.marks[0][1]), line.spoken(case.marks[1][0])
    committed = line.times("input_audio_buffer.committed")
    sound = Heard(line.chunks).first_sound(first_end) if line.chunks else None
    return {
        "committed_in_pause": any(at < again for at in committed),
        "cut_off": sound is not None and sound < line.spoken(case.marks[1][1]),
        "turns": len(committed),
        "said": words(line),
    }


def _since(line: Line, kind: str, at: float) -> float | None:
    """Milliseconds from `at` to the first such event after it."""
    return ms(min(line.times(kind, at), default=None), at)


ANSWER = Part(answers, answered, ("audio_ms", "cut_off", "discarded"))
BARGE_IN = Part(barge_ins, interrupted, ("ducked_ms", "silent_ms", "cleared_event_ms", "cancelled"))
MM_HM = Part(
    mm_hms, agreed,
    ("silent_ms", "repeated_ms", "words", "lost", "nearly_twice", "twice", "answer_lost"),
)  # fmt: skip
PAUSE = Part(pauses, paused, ("cut_off", "committed_in_pause", "turns"))
