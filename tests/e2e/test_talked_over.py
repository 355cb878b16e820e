"""The client over a WebSocket to an endpoint that sends ahead: what nobody heard is truncated."""

from __future__ import annotations

import array
import base64
import json
import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from e2e import browser as b
from e2e.package import built, served
from playwright.sync_api import Page
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

pytestmark = pytest.mark.e2e

PATIENCE_S = 30.0
SAID_MS = 20_000
"""Far more than is heard of it, and all sent at once."""
STEP_MS = 100
AGREES_MS = 300
"""Between the client's clock and a meter behind it, on a machine that has other things to do."""
DELTA = base64.b64encode(array.array("h", [8000] * (24 * STEP_MS)).tobytes()).decode()

METER = """registerProcessor('meter', class extends AudioWorkletProcessor {
  heard = 0; quiet = 0;
  process([[samples]]) {
    for (const sample of samples ?? []) {
      if (Math.abs(sample) > 0.05) { this.heard++; this.quiet = 0; } else this.quiet++;
    }
    const ms = 1000 / sampleRate;
    this.port.postMessage({ heard: this.heard * ms, quiet: this.quiet * ms });
    return true;
  }
})"""
CALL = """async ([url, meter]) => {
  delete window.RTCPeerConnection;
  const { Call } = await import('/client/index.js');
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  const context = new AudioContext();
  const module = URL.createObjectURL(new Blob([meter], { type: 'text/javascript' }));
  await context.audioWorklet.addModule(module);
  const node = new AudioWorkletNode(context, 'meter', { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => Object.assign(window, data);
  const onVoice = (voice) => context.createMediaStreamSource(voice).connect(node);
  window.call = new Call({ url, token: 'ek_1', model: 'gpt-realtime', microphone, onVoice });
  await call.connect();
}"""


class Endpoint:
    """OpenAI's, as far as this needs one: it says what a test tells it to, over real sockets."""

    def __init__(self) -> None:
        self.url = ""
        self.got: queue.Queue[dict[str, Any]] = queue.Queue()
        self._sockets: queue.Queue[ServerConnection] = queue.Queue()

    def page(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/v1/realtime?"):
            return None
        return connection.respond(HTTPStatus.OK, "a page")

    def handle(self, socket: ServerConnection) -> None:
        detection = {"type": "server_vad", "interrupt_response": True}
        session = {"audio": {"input": {"turn_detection": detection}}}
        socket.send(json.dumps({"type": "session.created", "session": session}))
        self._sockets.put(socket)
        try:
            for data in socket:
                event = json.loads(data)
                if event["type"] != "input_audio_buffer.append":
                    self.got.put(event)
        except ConnectionClosed:
            pass

    def called(self) -> ServerConnection:
        return self._sockets.get(timeout=PATIENCE_S)

    def next(self) -> dict[str, Any]:
        """What the client said, but for its sound."""
        return self.got.get(timeout=PATIENCE_S)


@contextmanager
def endpoint() -> Generator[Endpoint]:
    made = Endpoint()
    protocols = [Subprotocol("realtime")]
    with serve(
        made.handle, "127.0.0.1", 0, process_request=made.page, subprotocols=protocols
    ) as server:
        made.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
    thread.join(PATIENCE_S)


def tell(socket: ServerConnection, type: str, **fields: Any) -> None:
    socket.send(json.dumps({"type": type, **fields}))


def speak(socket: ServerConnection, item: str, ms: int) -> None:
    for _ in range(0, ms, STEP_MS):
        tell(socket, "response.output_audio.delta", item_id=item, content_index=0, delta=DELTA)


def heard_ms(page: Page) -> float:
    """All that was, once nothing more is."""
    page.wait_for_function("() => quiet > 500", timeout=PATIENCE_S * 1000)
    return float(page.evaluate("() => heard"))


def test_who_talks_over_an_answer_heard_of_it_what_the_server_is_told(
    tmp_path: Path,
) -> None:
    client = built(tmp_path / "client")
    with endpoint() as server, b.browsing(server.url, b.silence(tmp_path), ready=False) as page:
        served(page, client)
        page.evaluate(CALL, [server.url, METER])
        socket = server.called()

        # An answer that is done long before it was played, and a user who speaks.
        tell(socket, "response.created", response={"id": "resp_1"})
        speak(socket, "item_1", SAID_MS)
        tell(socket, "response.done", response={"id": "resp_1", "status": "completed"})
        page.wait_for_function("() => heard > 1000", timeout=PATIENCE_S * 1000)
        tell(socket, "input_audio_buffer.speech_started", item_id="item_2", audio_start_ms=0)
        told = server.next()
        first = heard_ms(page)
        end = told.pop("audio_end_ms")
        assert told == {
            "type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0
        }  # fmt: skip
        assert end == pytest.approx(first, abs=AGREES_MS)

        # One that is still thought up, and a page that asks something else; more of it was sent.
        tell(socket, "response.created", response={"id": "resp_2"})
        speak(socket, "item_3", SAID_MS)
        page.wait_for_function("(ms) => heard > ms + 500", arg=first, timeout=PATIENCE_S * 1000)
        page.evaluate("() => call.type('something else')")
        speak(socket, "item_3", SAID_MS)
        asked = [server.next() for _ in range(4)]
        second = heard_ms(page) - first
        assert [event["type"] for event in asked] == [
            "response.cancel", "conversation.item.truncate", "conversation.item.create",
            "response.create",
        ]  # fmt: skip
        assert asked[1]["item_id"] == "item_3"
        assert asked[1]["audio_end_ms"] == pytest.approx(second, abs=AGREES_MS)

        # What comes of it late changes nothing, and is not told again.
        tell(socket, "response.done", response={"id": "resp_2", "status": "cancelled"})
        tell(socket, "input_audio_buffer.speech_started", item_id="item_4", audio_start_ms=0)
        tell(socket, "response.created", response={"id": "resp_3"})
        speak(socket, "item_5", STEP_MS)
        page.wait_for_function("(ms) => heard > ms", arg=first + second, timeout=PATIENCE_S * 1000)
        page.evaluate("() => call.send({ type: 'response.create' })")
        assert server.next() == {"type": "response.create"}
