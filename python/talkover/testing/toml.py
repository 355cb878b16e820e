"""The scripts of `talkover call --script`, in virtual time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..cli import script as live
from ..cli.wav import read_wav
from .result import Answer, Result
from .script import SILENCE_S, Cue, Play, Send, Step, Wait, typing

Expected = tuple[Step, live.Step]
"""What the caller does, and what is to come of it."""


def expected(file: Path, words: Mapping[str, str]) -> list[Expected]:
    """The steps of a file; `words` tells by a sound's name what is said in it. InputError."""
    return [(_step(step, words), step) for step in live.read_script(file)]


def failures(result: Result, steps: list[Expected]) -> list[str]:
    """What did not come as the script says, in its order."""
    found: list[str] = []
    unclaimed = list(result.replies)
    for step, wanted in steps:
        answer = _answer(result, step, unclaimed)
        if answer is not None:
            unclaimed = unclaimed[unclaimed.index(answer) + 1 :]
        failure = _failure(result, step, wanted, answer)
        if failure is not None:
            found.append(f"{wanted.name}: {failure}")
    return found


def _step(step: live.Step, words: Mapping[str, str]) -> Step:
    silence = Cue("after_silence", SILENCE_S)
    cue = silence if step.after is None else Cue("after_audible", step.after)
    if step.text is not None:
        return Send(cue, typing(step.text), f"[{step.text}]")
    if step.play is None:
        return Wait(Cue("unasked", 0.0))
    said = words.get(step.play.name, step.play.stem.replace("-", " ").replace("_", " "))
    return Play(cue, *read_wav(step.play), said)


def _answer(result: Result, step: Step, unclaimed: list[Answer]) -> Answer | None:
    """The first reply made after the question; of an unasked one, the one that is heard."""
    if not result.did(step):
        return None
    began = result.began(step)
    for answer in unclaimed:
        since = answer.began if isinstance(step, Wait) else answer.made
        if since is not None and since >= began - 1e-3:
            return answer
    return None


def _failure(result: Result, step: Step, wanted: live.Step, answer: Answer | None) -> str | None:
    if answer is None:
        return "no answer"
    if answer.status != wanted.expect_status:
        return f"the answer was {answer.status}, not {wanted.expect_status}: {answer.said}"
    if answer.began is not None and answer.began - result.finished(step) > wanted.within:
        return f"the answer came after {answer.began - result.finished(step):.1f} s"
    if wanted.expect is not None and not re.search(wanted.expect.pattern, answer.said, re.I):
        return f"expected /{wanted.expect.pattern}/, heard: {answer.said}"
    return None
