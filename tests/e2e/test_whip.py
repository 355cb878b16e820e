"""A WHIP publisher (RFC 9725), which sends sound and has no data channel, is a microphone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from e2e import browser as b
from e2e.server import Server

pytestmark = pytest.mark.e2e

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
PUBLISH = """async () => {
  const peer = window.publisher = new RTCPeerConnection();
  const sound = await navigator.mediaDevices.getUserMedia({ audio: true });
  peer.addTransceiver(sound.getAudioTracks()[0], { direction: 'sendonly' });
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await fetch('/v1/realtime/calls', {
    method: 'POST', body: peer.localDescription.sdp,
    headers: { 'Content-Type': 'application/sdp' },
  });
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  return [answer.status, answer.headers.get('Location')];
}"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("whip"))
    yield server
    server.stop()


class Watcher(threading.Thread):
    """Another connection to the call; ends with it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url.replace("http", "ws", 1)
        self.events: list[dict[str, Any]] = []
        self.heard = threading.Event()
        self.start()

    def run(self) -> None:
        asyncio.run(self._watch())

    async def _watch(self) -> None:
        async with asyncio.timeout(60), websockets.connect(self._url) as socket:
            async for text in socket:
                self.events.append(json.loads(text))
                if self.events[-1]["type"] == TRANSCRIBED:
                    self.heard.set()


def test_a_whip_publisher_is_a_microphone_until_it_is_deleted(demo: Server, tmp_path: Path):
    sound = b.microphone(tmp_path, ("what time is it", 4.0))
    with b.browsing(demo.url, sound) as page:
        status, location = page.evaluate(PUBLISH)
        assert status == 201 and location.startswith("/v1/realtime/calls/rtc_")
        watcher = Watcher(f"{demo.url}/v1/realtime?call_id={location.rpartition('/')[2]}")
        b.wait(page, "() => publisher.connectionState === 'connected'")
        assert watcher.heard.wait(40), [event["type"] for event in watcher.events]
        deleted = page.evaluate(
            "(at) => fetch(at, { method: 'DELETE' }).then((answer) => answer.status)", location
        )
        assert deleted == 200
        watcher.join(20)
    heard = [event["transcript"] for event in watcher.events if event["type"] == TRANSCRIBED]
    assert "time" in " ".join(heard)
    assert not watcher.is_alive()
