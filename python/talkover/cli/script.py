"""A scripted conversation with expectations: `talkover call --script talk.toml`.

    [[step]]
    name = "a story, talked over"
    text = "tell me a story"          # ask in writing, or
    expect_status = "cancelled"       # what becomes of the answer; "completed" if left out

    [[step]]
    play = "what-time.wav"            # ask aloud; beside the script
    after = 2.0                       # seconds after the previous answer became audible
    expect = '\\d+ in the'             # a pattern that the answer's words match, in any case
    within = 5                        # seconds from the question's end until the answer is heard

A step with neither `text` nor `play` waits for what the agent says by itself. Without `after` a
step begins when the previous answer is over; with it, it talks over that answer.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import InputError
from .answer import Answer, asked_aloud, asked_in_writing, heard_out, spoken, unasked
from .caller import Caller, CallError
from .wav import read_wav

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Seconds = Annotated[float, Field(ge=0, le=3600)]


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    text: str | None = None
    play: Path | None = None
    after: Seconds | None = None
    expect: re.Pattern[str] | None = None
    expect_status: str = "completed"
    within: Seconds = 30.0

    @model_validator(mode="after")
    def _one_question(self) -> Step:
        if self.text is not None and self.play is not None:
            raise ValueError("give text or play, not both")
        return self


@dataclass(frozen=True, slots=True)
class Asked:
    """When a step began, and the answer that it gets."""

    at: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds from the step's beginning to the end of its answer; None: as expected."""

    step: Step
    seconds: float
    failure: str | None


def read_script(file: Path) -> list[Step]:
    """The steps of a file. InputError says what is wrong with it."""
    try:
        found = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {error}.") from None
    entries: object = found.get("step")
    if not isinstance(entries, list) or not entries or found.keys() != {"step"}:
        raise InputError(f"{file}: write [[step]] for each step, and nothing beside them.")
    listed = cast("list[object]", entries)
    return [_step(file, n, entry) for n, entry in enumerate(listed, 1)]


def _step(file: Path, n: int, entry: object) -> Step:
    try:
        step = Step.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file}: step {n}: {where}: {first['msg']}.") from None
    if step.after is not None and n == 1:
        raise InputError(f"{file}: step 1: there is no answer before it that `after` could mean.")
    play = None if step.play is None else file.parent / step.play
    if play is not None:
        read_wav(play)
    return step.model_copy(update={"name": step.name or f"step {n}", "play": play})


async def run_script(call: Caller, steps: list[Step], previous: Answer) -> list[Outcome]:
    """Each step in order, told as it ends; `previous` is what was said before the first."""
    outcomes: list[Outcome] = []
    overlapping: Asked | None = None
    for n, step in enumerate(steps):
        asked = overlapping or _ask(call, step, previous)
        previous = asked.answer
        overlapping = None
        try:
            if n + 1 < len(steps) and steps[n + 1].after is not None:
                overlapping = await _talk_over(call, asked.answer, step, steps[n + 1])
            failure = await _failure(step, asked.answer)
        except CallError as error:
            failure = error.message
        outcomes.append(Outcome(step, call.now - asked.at, failure))
        mark = "ok  " if failure is None else "FAIL"
        print(f"{call.now:7.2f}  {mark} {step.name}" + (f": {failure}" if failure else ""))
    return outcomes


async def _talk_over(call: Caller, answer: Answer, step: Step, following: Step) -> Asked:
    try:
        await answer.audible(step.within)
    except TimeoutError:
        raise CallError(f"No answer within {step.within:g} s to talk over.") from None
    begin = (answer.audible_at or call.now) + (following.after or 0)
    await asyncio.sleep(max(0.0, begin - call.now))
    return _ask(call, following, answer)


def _ask(call: Caller, step: Step, previous: Answer) -> Asked:
    at = call.now
    if step.text is not None:
        return Asked(at, asked_in_writing(call, step.text))
    if step.play is not None:
        return Asked(at, asked_aloud(call, step.play))
    return Asked(at, unasked(call, previous))


async def _failure(step: Step, answer: Answer) -> str | None:
    response = await heard_out(answer, step.within)
    status, words = response["status"], spoken(response)
    if status != step.expect_status:
        return f"the answer was {status}, not {step.expect_status}: {words}"
    if step.expect is not None and not re.search(step.expect.pattern, words, re.I):
        return f"expected /{step.expect.pattern}/, heard: {words}"
    return None


def write_report(file: Path, name: str, outcomes: list[Outcome]) -> None:
    """The outcomes as a JUnit file. InputError where it cannot be written."""
    failures = sum(outcome.failure is not None for outcome in outcomes)
    total = f"{sum(outcome.seconds for outcome in outcomes):.3f}"
    counts = {"tests": str(len(outcomes)), "failures": str(failures), "time": total}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": name, "errors": "0", **counts})
    for outcome in outcomes:
        case = {"classname": name, "name": outcome.step.name, "time": f"{outcome.seconds:.3f}"}
        element = ElementTree.SubElement(suite, "testcase", case)
        if outcome.failure is not None:
            message = _NOT_XML.sub("", outcome.failure)
            ElementTree.SubElement(element, "failure", {"message": message}).text = message
    try:
        ElementTree.ElementTree(suites).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None
