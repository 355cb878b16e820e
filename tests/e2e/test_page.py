"""A call in the page, in a real Chromium whose microphone plays real speech."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e import browser as b
from e2e.server import Server
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("page"))
    yield server
    server.stop()


def greeted(page: Page) -> None:
    b.event(page, "output_audio_buffer.stopped")


def ask(page: Page, text: str) -> None:
    page.get_by_test_id("text-input").fill(text)
    page.get_by_test_id("send").click()


def statuses(page: Page) -> list[str]:
    return page.evaluate(
        "() => talkover.events.filter(e => e.type === 'response.done').map(e => e.response.status)"
    )


def test_a_newcomer_asks_is_answered_and_talks_over_the_answer(demo: Server, tmp_path: Path):
    sound = b.microphone(
        tmp_path, ("what time is it", 6.5), ("wait a moment, what day is it", 14.0)
    )
    with b.browsing(demo.url, sound) as page:
        b.picture(page, "before")
        b.call(page)
        b.event(page, "conversation.item.input_audio_transcription.completed")
        b.event(page, "response.done", 2)
        said = b.transcript(page)
        assert "what time is it" in said and "It is" in said
        ask(page, "tell me a story")
        b.event(page, "response.created", 3)
        b.event(page, "talkover.word", 40)
        assert page.locator("[data-testid=transcript] mark").count() == 1
        b.picture(page, "speaking")
        b.event(page, "conversation.item.truncated")
        b.picture(page, "interrupted")
        assert statuses(page)[-1] == "cancelled"
        b.wait(page, "() => document.querySelector('[data-testid=transcript] s')")
        assert "unheard" in b.transcript(page)
        happened = page.evaluate(
            "() => talkover.stage.timeline.episodes.flatMap(e => e.steps.map(s => s.what))"
        )
        assert happened[0] == "duck" and happened[-1] == "cut"
        assert page.evaluate("() => talkover.stage.timeline.overlaps().length") >= 1
        b.event(page, "response.done", 4)
        b.picture(page, "answered")
        assert "UDP" in page.get_by_test_id("network").inner_text()
        accounts = page.get_by_test_id("account").all_inner_texts()
        assert len(accounts) >= 3
        for account in accounts:
            total, *stages = [int(n) for n in re.findall(r"(\d+)(?: ms)?", account)]
            assert abs(total - sum(stages)) <= 3, account
        assert voice_was_loud(page)
        # The answer asks for 16 kHz; for its full band the browser would spend 32 kb/s.
        assert microphone_rate(page) == 20_000
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
        assert "you cut in once" in page.get_by_test_id("over").inner_text()
        assert page.get_by_test_id("again").is_visible()


def test_a_typed_question_gets_a_spoken_answer(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        b.call(page)
        greeted(page)
        ask(page, "what is twelve times seven")
        b.event(page, "output_audio_buffer.stopped", 2)
        assert "eighty-four" in b.transcript(page)
        assert "typed" in b.transcript(page)


def test_a_typed_question_during_an_answer_takes_its_place(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        b.call(page)
        greeted(page)
        ask(page, "tell me a story")
        b.event(page, "talkover.word", 25)
        ask(page, "what is twelve times seven")
        b.event(page, "response.done", 3)
        assert statuses(page) == ["completed", "cancelled", "completed"]
        assert "eighty-four" in b.transcript(page)
        assert page.locator(".row.error").count() == 0


@pytest.mark.parametrize("how", ["button", "key"])
def test_the_answer_is_interrupted_by_hand(demo: Server, tmp_path: Path, how: str):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        b.call(page)
        greeted(page)
        assert page.get_by_test_id("interrupt").is_disabled()
        ask(page, "tell me a story")
        b.event(page, "talkover.word", 25)
        if how == "button":
            page.get_by_test_id("interrupt").click()
        else:
            page.keyboard.press("Escape")
        b.event(page, "output_audio_buffer.cleared")
        b.event(page, "response.done", 2)
        assert statuses(page)[-1] == "cancelled"
        b.wait(page, "() => talkover.stage.levels.of('agent') < 0.002", 5)
        assert page.get_by_test_id("interrupt").is_disabled()


def test_with_push_to_talk_a_turn_is_what_was_said_while_pushed(demo: Server, tmp_path: Path):
    sound = b.microphone(tmp_path, ("what time is it", 9.0))
    with b.browsing(demo.url, sound) as page:
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("push").check()
        page.get_by_test_id("settings-close").click()
        b.call(page)
        greeted(page)
        assert page.get_by_test_id("mute").is_hidden()
        assert page.evaluate("() => talkover.microphone.getAudioTracks()[0].enabled") is False
        page.get_by_test_id("transcript").focus()
        page.keyboard.down(" ")
        b.picture(page, "pushed")
        b.wait(page, "() => talkover.stage.levels.of('user') > 0.05")
        # Half a second without a sound: the sentence is over.
        b.wait(
            page,
            """() => {
              const now = performance.now();
              if (talkover.stage.levels.of('user') > 0.01) window.loud = now;
              return now - window.loud > 500;
            }""",
        )
        page.keyboard.up(" ")
        b.event(page, "response.done", 2)
        assert "what time is it" in b.transcript(page) and "It is" in b.transcript(page)
        assert page.evaluate("() => talkover.microphone.getAudioTracks()[0].enabled") is False
        assert page.locator(".row.error").count() == 0


def test_a_tool_is_shown_as_a_row_with_arguments_result_and_time(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        b.call(page)
        greeted(page)
        ask(page, "set a timer for three seconds")
        tool = page.get_by_test_id("tool")
        b.event(page, "response.done", 2)
        assert re.search(r"set_timer\s*\d+ ms", tool.inner_text())
        tool.locator("summary").click()
        assert '"seconds": 3' in tool.inner_text()
        assert "The timer is set for 3 seconds." in tool.inner_text()
        b.event(page, "response.done", 3)
        assert "Your timer of 3 seconds has ended." in b.transcript(page)
        b.picture(page, "tool")


def test_a_mute_outlives_a_change_of_the_microphone(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        b.call(page)
        page.keyboard.press("m")
        assert page.get_by_test_id("mute").inner_text() == "Unmute"
        before = page.evaluate("() => talkover.microphone.id")
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("loud").check()
        b.wait(page, f"() => talkover.microphone.id !== '{before}'")
        assert page.evaluate("() => talkover.microphone.getAudioTracks()[0].enabled") is False


def test_a_call_leaves_nothing_open_behind(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        page.evaluate(
            """() => {
              window.contexts = [];
              const Real = AudioContext;
              window.AudioContext = class extends Real {
                constructor(...given) { super(...given); contexts.push(this); }
              };
            }"""
        )
        b.call(page)
        page.evaluate("() => { window.track = talkover.microphone.getAudioTracks()[0]; }")
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
        b.wait(page, "() => contexts.length > 0 && contexts.every(c => c.state === 'closed')")
        assert page.evaluate("() => track.readyState") == "ended"
        page.get_by_test_id("again").click()
        b.state(page, "live")
        # A page that goes away hangs up.
        created = "() => talkover.events.find(e => e.type === 'session.created').session.id"
        b.event(page, "session.created")
        session = page.evaluate(created)
        page.goto("about:blank")
        b.until(lambda: f"reason='hung up' session={session}" in demo.log)


def microphone_rate(page: Page) -> int:
    """Bits a second that the browser means to spend on the caller's voice."""
    return page.evaluate(
        """async () => {
          const report = await talkover.call.leg.peer.getStats();
          return [...report.values()].find(e => e.type === 'outbound-rtp').targetBitrate;
        }"""
    )


def voice_was_loud(page: Page) -> bool:
    """The browser played a voice: the total energy that it received is not nothing."""
    energy = page.evaluate(
        """async () => {
          const report = await talkover.call.leg.peer.getStats();
          return Math.max(...[...report.values()].map(e => e.totalAudioEnergy ?? 0));
        }"""
    )
    return energy > 0.01
