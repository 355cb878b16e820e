"""Calls over real networks: interfaces go down, addresses change, ways are closed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.process import COMMAND, Serving
from e2e.namespaces import Namespace, Remote

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KEY = "sk-of-two-networks"
STORY = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar "
    "papa quebec romeo sierra tango uniform victor whiskey yankee zulu."
)
AGENT = f"""
from talkover import Agent

agent = Agent("x")


@agent.reply
async def reply(turn):
    yield {STORY!r}
"""
MEDIA = 8081
DOWN_S = 15


@pytest.fixture
def spaces() -> Iterator[tuple[Namespace, Namespace]]:
    """The server's network and the caller's, with one cable between them."""
    try:
        server = Namespace()
    except (OSError, RuntimeError) as error:
        pytest.skip(f"This system makes no network namespaces: {error}")
    with server, Namespace(beside=server) as caller:
        server.plug("cable", caller)
        yield server, caller


def wired(spaces: tuple[Namespace, Namespace]) -> tuple[Namespace, Namespace]:
    server, caller = spaces
    server.ip("addr add 10.9.0.1/24 dev cable")
    caller.ip("addr add 10.9.0.2/24 dev cable")
    return server, caller


def serving(space: Namespace, folder: Path, host: str = "0.0.0.0") -> Serving:
    (folder / "agent.py").write_text(AGENT)
    server = Serving(
        folder, str(folder / "agent.py"), "--host", host, "--key", KEY,
        command=(*space.enter, *COMMAND, "serve"),
        env={"TALKOVER_PORT": "8080", "TALKOVER_MEDIA_PORT": str(MEDIA)},
    )  # fmt: skip
    server.logged(r"listens at \S+")
    return server


def words(call: Remote) -> list[int]:
    return [event["start"] for event in call.of("talkover.word")]


def hears_the_story_to_its_end(call: Remote, before: int, seconds: float = 90) -> None:
    """Sound comes again after so many pieces of it, and every word was said."""
    call.wait(lambda: len(call.of("sound")) > before + 25, seconds)
    done = call.wait_for("output_audio_buffer.stopped", seconds=seconds)
    starts = [match.start() for match in re.finditer(r"\S+", STORY)]
    assert sorted(set(words(call))) == starts, (words(call), done)


def test_an_interface_that_is_down_for_a_while_costs_no_word(spaces, tmp_path: Path):
    server, caller = wired(spaces)
    with (
        serving(server, tmp_path),
        Remote(caller, tmp_path, "http://10.9.0.1:8080", KEY) as call,
    ):
        call.wait_for("connected")
        call.order(ask="tell me all")
        call.wait(lambda: len(words(call)) > 5)
        caller.ip("link set cable down")
        # How long a network is gone is what is tried here.
        time.sleep(DOWN_S)
        before = len(call.of("sound"))
        caller.ip("link set cable up")
        hears_the_story_to_its_end(call, before)


def test_a_caller_whose_address_changes_goes_on_from_the_new_one(spaces, tmp_path: Path):
    server, caller = wired(spaces)
    with (
        serving(server, tmp_path),
        Remote(caller, tmp_path, "http://10.9.0.1:8080", KEY) as call,
    ):
        call.wait_for("connected")
        call.order(ask="tell me all")
        call.wait(lambda: len(words(call)) > 5)
        caller.ip("addr del 10.9.0.2/24 dev cable")
        caller.ip("addr add 10.9.0.77/24 dev cable")
        before = len(call.of("sound"))
        call.order(roam=True)
        call.wait_for("roamed")
        hears_the_story_to_its_end(call, before)


def test_where_udp_has_no_way_the_call_comes_up_over_tcp(spaces, tmp_path: Path):
    server, caller = wired(spaces)
    caller.ip(f"rule add ipproto udp dport {MEDIA} prio 10 blackhole")
    with serving(server, tmp_path):
        with Remote(caller, tmp_path, "http://10.9.0.1:8080", KEY) as call:
            call.wait(lambda: call.of("connected") or "media port" in str(call.told))
            assert "is the media port open?" in call.of("failed")[0]["why"]
        with Remote(caller, tmp_path, "http://10.9.0.1:8080", KEY, "--tcp") as call:
            assert call.wait_for("connected")["transport"] == "tcp"
            call.order(ask="tell me all")
            call.wait(lambda: len(call.of("sound")) > 25)


def test_a_call_needs_no_ipv4(spaces, tmp_path: Path):
    server, caller = spaces
    server.ip("addr add fd00:9::1/64 dev cable nodad")
    caller.ip("addr add fd00:9::2/64 dev cable nodad")
    with serving(server, tmp_path, "::"):
        for flags in ((), ("--tcp",)):
            with Remote(caller, tmp_path, "http://[fd00:9::1]:8080", KEY, *flags) as call:
                call.wait_for("connected")
                call.order(ask="tell me all")
                call.wait(lambda: len(call.of("sound")) > 25)


def test_the_answer_leaves_from_the_address_that_was_asked(spaces, tmp_path: Path):
    """The server has three addresses, of which the caller reaches the one that its system would
    not choose."""
    server, caller = wired(spaces)
    server.ip("addr add 10.9.0.5/24 dev cable")
    server.plug("other", caller)
    server.ip("addr add 10.8.0.1/24 dev other")
    caller.ip("route add blackhole 10.9.0.1")
    caller.ip("route add blackhole 10.8.0.1")
    with (
        serving(server, tmp_path, "::"),
        Remote(caller, tmp_path, "http://10.9.0.5:8080", KEY) as call,
    ):
        assert call.wait_for("connected")["transport"] == "udp"
        call.order(ask="tell me all")
        call.wait(lambda: len(call.of("sound")) > 25)


def test_each_of_several_interfaces_takes_calls(spaces, tmp_path: Path):
    server, caller = wired(spaces)
    server.plug("other", caller)
    server.ip("addr add 10.8.0.1/24 dev other")
    caller.ip("addr add 10.8.0.2/24 dev other")
    with serving(server, tmp_path):
        for here, closed in (("10.8.0.1", "10.9.0.1"), ("10.9.0.1", "10.8.0.1")):
            caller.ip(f"route add blackhole {closed}")
            for flags in ((), ("--tcp",)):
                with Remote(caller, tmp_path, f"http://{here}:8080", KEY, *flags) as call:
                    call.wait_for("connected")
            caller.ip(f"route del blackhole {closed}")
