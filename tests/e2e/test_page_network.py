"""The page on bad networks: other ways for the sound, and what it says of them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e import browser as b
from e2e.network import bad_network
from e2e.server import Server
from playwright.sync_api import Page, Route

from talkover.testing.weather import Weather

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("network"))
    yield server
    server.stop()


def without(*protocols: str) -> Callable[[Route], None]:
    """Answers reach the page without the candidates of these: its media cannot get there."""
    kept = re.compile(rf"a=candidate:\S+ \d (?:{'|'.join(protocols)}) [^\r\n]*\r\n", re.IGNORECASE)

    def handle(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=kept.sub("", answer.text()))

    return handle


def block(page: Page, *protocols: str) -> None:
    page.route("**/v1/realtime/calls?*", without(*protocols))


def ask(page: Page, text: str) -> None:
    page.get_by_test_id("text-input").fill(text)
    page.get_by_test_id("send").click()


def test_where_udp_is_closed_the_call_goes_over_tcp(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.microphone(tmp_path, ("what time is it", 7.0))) as page:
        block(page, "udp")
        b.call(page)
        b.wait(page, "() => document.querySelector('.network').textContent.includes('TCP')")
        b.event(page, "input_audio_buffer.speech_started")
        b.event(page, "input_audio_buffer.speech_stopped")
        ask(page, "what is twelve times seven")
        b.wait(page, "() => talkover.transcript.silences.length >= 2")
        b.wait(page, "() => talkover.stage.levels.of('agent') > 0.01")


def test_where_media_is_blocked_the_call_goes_over_the_websocket(demo: Server, tmp_path: Path):
    sound = b.microphone(tmp_path, ("wait a moment please, what day is it", 20.0))
    with b.browsing(demo.url, sound) as page:
        block(page, "udp", "tcp")
        b.call(page)
        assert "over the WebSocket" in page.get_by_test_id("notice").inner_text()
        b.wait(page, "() => document.querySelector('.network').textContent.includes('WebSocket')")
        b.wait(page, "() => talkover.stage.levels.of('agent') > 0.01")
        b.event(page, "response.done")
        # Nothing was missed while the page made ready.
        assert page.evaluate("() => talkover.events[0].type") == "session.created"
        assert "Hello! You can talk over me" in b.transcript(page)
        ask(page, "tell me a story")
        # The microphone gets there through the page's worklet, and interrupts.
        b.event(page, "input_audio_buffer.speech_started")
        b.event(page, "response.done", 2)
        b.picture(page, "websocket")
        last = "() => talkover.events.findLast(e => e.type === 'response.done').response.status"
        assert page.evaluate(last) == "cancelled"
        b.wait(page, "() => talkover.stage.levels.of('agent') < 0.001", 2)


def test_over_the_websocket_the_answer_is_interrupted_and_muted_by_hand(
    demo: Server, tmp_path: Path
):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        block(page, "udp", "tcp")
        b.call(page)
        b.event(page, "response.done")
        ask(page, "tell me a story")
        b.wait(page, "() => talkover.stage.levels.of('agent') > 0.01")
        page.keyboard.press("Escape")
        b.wait(page, "() => talkover.stage.levels.of('agent') < 0.001", 1)
        b.event(page, "response.done", 2)
        page.get_by_test_id("mute").click()
        assert page.evaluate("() => talkover.microphone.getAudioTracks()[0].enabled") is False
        before = page.evaluate("() => talkover.microphone.id")
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("loud").check()
        b.wait(page, f"() => talkover.microphone.id !== '{before}'")
        assert page.evaluate("() => talkover.microphone.getAudioTracks()[0].enabled") is False
        page.get_by_test_id("settings-close").click()
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")


def test_a_server_that_falls_silent_is_waited_for_and_the_call_goes_on(
    demo: Server, tmp_path: Path
):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        b.call(page)
        b.event(page, "response.done")
        os.kill(demo.process.pid, signal.SIGSTOP)
        try:
            b.state(page, "reconnecting")
            assert "Reconnecting" in page.get_by_test_id("notice").inner_text()
            b.picture(page, "reconnecting")
        finally:
            os.kill(demo.process.pid, signal.SIGCONT)
        b.state(page, "live")
        assert page.get_by_test_id("notice").is_hidden()
        ask(page, "what is twelve times seven")
        b.event(page, "response.done", 2)
        assert "eighty-four" in b.transcript(page)


def test_a_server_that_ends_the_call_is_named(tmp_path: Path):
    server = Server(tmp_path)
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        b.call(page)
        server.process.send_signal(signal.SIGINT)
        b.state(page, "ended")
        b.wait(page, "() => document.querySelector('.notice').textContent.includes('other side')")
        b.picture(page, "ended")
        page.get_by_test_id("back").click()
        b.wait(page, "() => document.querySelector('.notice').textContent.includes('answering')")
        assert "talkover serve" in page.get_by_test_id("notice").inner_text()
        b.picture(page, "gone")


def test_a_call_goes_on_by_itself_when_the_old_way_is_dead(demo: Server, tmp_path: Path):
    with (
        bad_network(demo) as network,
        b.browsing(demo.url, b.silence(tmp_path)) as page,
    ):
        network.between(page)
        b.call(page)
        ask(page, "what is twelve times seven")
        b.wait(page, "() => document.body.textContent.includes('eighty-four')")
        network.do(lambda: network.relay.black_out(600))
        b.state(page, "reconnecting")
        b.state(page, "live")
        ask(page, "what is nine times nine")
        b.wait(page, "() => document.body.textContent.includes('eighty-one')")
        b.wait(page, "() => talkover.stage.levels.of('agent') > 0.01")


def test_a_caller_behind_a_forgetful_nat_and_loss_is_heard(demo: Server, tmp_path: Path):
    rain = Weather(loss=0.05, delay_ms=20, jitter_ms=15)
    sound = b.microphone(tmp_path, ("what is twelve times seven", 15.0))
    with bad_network(demo, rain) as network, b.browsing(demo.url, sound) as page:
        network.between(page)
        b.call(page)
        network.do(network.relay.rebind)
        b.wait(page, "() => document.body.textContent.includes('eighty-four')")


def test_far_from_the_server_the_agents_voice_is_lowered_before_the_server_can_do_it(
    demo: Server, tmp_path: Path
):
    sound = b.microphone(tmp_path, ("wait a moment please, what day is it", 9.0))
    with bad_network(demo, Weather(delay_ms=100)) as network, b.browsing(demo.url, sound) as page:
        network.between(page)
        b.call(page)
        page.evaluate(
            """() => {
              window.volumes = [];
              const audio = document.querySelector('audio');
              audio.onvolumechange = () => volumes.push([talkover.stage.now, audio.volume]);
            }"""
        )
        ask(page, "tell me a story")
        # A question typed into the greeting cuts it: an episode too, without a voice.
        duck = "talkover.stage.timeline.episodes.find((e) => e.steps[0].what === 'duck')"
        b.wait(page, f"() => {duck}")
        duck = page.evaluate(f"() => {duck}.steps[0]")
        (at, level), *_ = page.evaluate("() => volumes")
        print(f"ducked here {duck['at'] - at:.0f} ms before the server was heard of")
        assert level < 0.2 and at < duck["at"]
        b.wait(page, "() => document.querySelector('audio').volume === 1", 5)
