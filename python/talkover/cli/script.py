"""A scripted conversation with expectations: `talkover call --script talk.toml`."""

from __future__ import annotations

import re
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from ..errors import InputError
from .caller import Caller, CallError, read_wav

STEP_S = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """Ask by `text` or by `play`; the answer must match the pattern `expect`."""

    name: str
    text: str | None
    play: Path | None
    expect: str | None
    within: float


@dataclass(frozen=True, slots=True)
class Outcome:
    step: Step
    seconds: float
    failure: str | None


def read_script(file: Path) -> list[Step]:
    """The steps of a file. InputError says what is wrong with it."""
    try:
        found: list[dict[str, Any]] = tomllib.loads(file.read_text())["step"]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file}: {error}.") from None
    except KeyError:
        raise InputError(f"{file}: no [[step]] in it.") from None
    steps: list[Step] = []
    for n, entry in enumerate(found, 1):
        unknown = entry.keys() - {"name", "text", "play", "expect", "within"}
        if unknown or ("text" in entry) == ("play" in entry):
            raise InputError(f"{file}: step {n} needs either text or play, and knows: "
                             "name, expect, within.")  # fmt: skip
        play = file.parent / entry["play"] if "play" in entry else None
        steps.append(
            Step(entry.get("name", f"step {n}"), entry.get("text"), play,
                 entry.get("expect"), float(entry.get("within", STEP_S)))
        )  # fmt: skip
    return steps


async def run_script(call: Caller, steps: list[Step], before: int) -> list[Outcome]:
    """Each step in order; `before` replies came before the first."""
    outcomes: list[Outcome] = []
    for n, step in enumerate(steps, before + 1):
        began = time.monotonic()
        failure = None
        if step.text is not None:
            call.type(step.text)
        elif step.play is not None:
            call.play(*read_wav(step.play))
        try:
            done = await call.wait_for("response.done", n, step.within)
            answer = _spoken(done)
            if step.expect is not None and not re.search(step.expect, answer, re.I):
                failure = f"expected /{step.expect}/, heard: {answer}"
        except TimeoutError:
            failure = f"no answer within {step.within:.0f} s"
        except CallError as error:
            failure = error.message
        outcomes.append(Outcome(step, time.monotonic() - began, failure))
        mark = "ok  " if failure is None else "FAIL"
        print(f"{mark} {step.name}" + (f": {failure}" if failure else ""), flush=True)
    return outcomes


def report(outcomes: list[Outcome]) -> str:
    """The outcomes as a JUnit file."""
    cases: list[str] = []
    for outcome in outcomes:
        head = f"<testcase name={quoteattr(outcome.step.name)} time='{outcome.seconds:.3f}'"
        fault = outcome.failure
        cases.append(
            f"{head}/>" if fault is None
            else f"{head}><failure message={quoteattr(fault)}/></testcase>"
        )  # fmt: skip
    failures = sum(outcome.failure is not None for outcome in outcomes)
    return (
        f"<testsuite name='talkover call' tests='{len(outcomes)}' failures='{failures}'>"
        + "".join(cases)
        + "</testsuite>\n"
    )


def _spoken(done: dict[str, Any]) -> str:
    parts = [part for item in done["response"]["output"] for part in item.get("content", ())]
    return " ".join(str(part.get("transcript") or part.get("text") or "") for part in parts)
