"""A session's facts, put together as turns."""

from __future__ import annotations

from talkover.observe.turns import MOST_OPEN, ToolRun, Turn, Turns
from talkover.protocol import facts as f

USAGE = {"input_tokens": 7, "output_tokens": 2}


def told(*facts: tuple[int, f.Fact]) -> list[Turn]:
    turns = Turns()
    return [turn for at, fact in facts if (turn := turns.take(fact, at)) is not None]


def done(reply: str, status: f.ReplyStatus = "completed", **more: object) -> f.ReplyDone:
    return f.ReplyDone(reply, status, None, (), USAGE, **more)  # type: ignore[arg-type]


def test_a_turn_has_its_account_its_tools_and_its_end():
    turns = told(
        (1000, f.ReplyCreated("r", "audio")),
        (1010, f.ToolStep("c", "weather", "{}", "started")),
        (1400, f.ToolStep("c", "weather", "{}", "done", "Sunny.", 390)),
        (1800, f.AudioStarted("r", 0)),
        (1800, f.TurnTimings("r", {"wait": 96, "total": 896})),
        (2100, f.TurnTimings("r", {"wait": 96, "buffer": 40, "total": 936})),
        (4000, done("r")),
    )
    assert turns == [
        Turn(
            "r", 1000, "audio", audible=1800, ended=4000, usage=USAGE,
            timings={"wait": 96, "buffer": 40, "total": 936},
            tools=[ToolRun("c", "weather", 1010, 1400, failed=False)],
        )
    ]  # fmt: skip


def test_a_call_that_goes_on_elsewhere_tells_its_start_again_and_it_began_once():
    (turn,) = told(
        (0, f.ReplyCreated("r", "audio")),
        (100, f.AudioStarted("r", 0)),
        (900, f.AudioStarted("r", 0)),
        (1000, done("r", "cancelled")),
    )
    assert (turn.audible, turn.status) == (100, "cancelled")


def test_a_failed_turn_says_with_which_code():
    (turn,) = told(
        (0, f.ReplyCreated("r", "text")),
        (10, done("r", "failed", error=("server_error", "engine_unreachable", "secret words"))),
    )
    assert turn.error == "engine_unreachable"


def test_replies_that_never_end_are_not_kept_for_ever():
    turns = Turns()
    for n in range(MOST_OPEN + 5):
        turns.take(f.ReplyCreated(f"r{n}", "audio"), n)
    assert turns.take(done("r0"), 99) is not None
    assert turns.take(done(f"r{MOST_OPEN}"), 99) is None
