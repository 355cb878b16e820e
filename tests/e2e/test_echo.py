"""A loudspeaker next to the microphone: the agent hears itself, and is not the caller."""

from __future__ import annotations

import asyncio
import contextlib
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.server import Server, spoken

from talkover.cli.caller import RATE, Caller, read_wav

pytestmark = pytest.mark.e2e

DELAY_MS = 180
GAIN = 0.25
CHUNK = RATE // 50


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("demo"))
    yield server
    server.stop()


class Speakerphone:
    """Sends back what it hears, later and softer, with what is said beside it."""

    def __init__(self, url: str) -> None:
        self.call = Caller(url, on_sound=self._echo)
        self._said = array("h")
        self._waits = True

    def say(self, file: Path) -> None:
        pcm, rate = read_wav(file)
        assert rate == RATE
        self._said.frombytes(pcm)

    def _echo(self, pcm: bytes) -> None:
        if self._waits:
            self._waits = False
            self.call.speak(bytes(2 * RATE * DELAY_MS // 1000), RATE)
        heard = array("h", pcm)
        said, self._said = self._said[: len(heard)], self._said[len(heard) :]
        said.extend([0] * (len(heard) - len(said)))
        mixed = (round(echo * GAIN) + own for echo, own in zip(heard, said, strict=True))
        self.call.speak(array("h", (max(-32768, min(32767, s)) for s in mixed)).tobytes(), RATE)


def heard_speech(call: Caller) -> list[str]:
    kinds = ("talkover.held", "input_audio_buffer.speech_started", "output_audio_buffer.cleared")
    return [event["type"] for _, event in call.events if event["type"] in kinds]


async def test_the_agents_echo_interrupts_nothing_and_the_caller_does(demo: Server, tmp_path: Path):
    phone = Speakerphone(demo.url)
    async with phone.call as call:
        await call.wait_for("output_audio_buffer.stopped")
        call.type("tell me a story")
        await call.wait_for("output_audio_buffer.started", 2)
        await asyncio.sleep(10)
        assert heard_speech(call) == []
        # Before the lag is known one duck is allowed, and it is known by the end of the greeting.
        assert len(call.of("talkover.ducked")) <= 1
        for _ in range(3):
            # Who is not understood over the echo says it again.
            phone.say(spoken("what time is it", tmp_path))
            with contextlib.suppress(TimeoutError):
                await call.wait_for("response.done", 2, 6)
                break
        done = await call.wait_for("response.done", 2)
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        answer = await call.wait_for("response.done", 3)
        assert "It is" in answer["response"]["output"][0]["content"][0]["transcript"]
