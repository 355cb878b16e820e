"""The client at an endpoint that has nothing of ours: OpenAI's, as far as a server can be one."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from e2e import browser as b
from e2e.package import built, served
from e2e.server import Server
from playwright.sync_api import Page, Route

pytestmark = pytest.mark.e2e

CALL = """async ([url, token]) => {
  const { Call } = await import('/client/index.js');
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  Object.assign(window, { seen: [], sent: [], errors: [] });
  window.call = new Call({
    url, token, microphone, model: 'gpt-realtime',
    onEvent: (event) => (event.type === 'error' ? errors : seen).push(event),
    onPassed: (ours, { type }) => ours && sent.push(type),
  });
  await call.connect();
}"""
SHOW = """() => {
  const picture = new Blob([new Uint8Array(180_000)], { type: 'image/png' });
  return call.show(picture, 'what is twelve times seven');
}"""
"""As much as one event of a data channel takes, nearly."""
ANSWERED = """(count) => seen.filter(
  ({ type, response }) => type === 'response.done' && response.status === 'completed'
).length >= count"""

SPEAKING = """() => seen.findLast(({ type }) => type.startsWith('output_audio_buffer.'))
  ?.type === 'output_audio_buffer.started'"""


class Endpoint:
    """Stands before the server, and refuses what the protocol does not have."""

    def __init__(self, page: Page) -> None:
        self.asked: list[tuple[str, str]] = []
        self.media = True
        page.route("**/v1/realtime/**", self._answer)
        page.on("websocket", lambda socket: self.asked.append(("GET", socket.url)))

    def _knows(self, method: str, url: str) -> bool:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        known = path == "/v1/realtime/calls" or path.endswith("/hangup")
        self.asked.append((method, path.rpartition("/")[2]))
        return method == "POST" and known and query.keys() <= {"model"}

    def _answer(self, route: Route) -> None:
        if not self._knows(route.request.method, route.request.url):
            error = {"message": "Unknown parameter.", "code": "unknown_parameter"}
            return route.fulfill(status=400, body=json.dumps({"error": error}))
        answer = route.fetch()
        ours = ("talkover-resume", "content-length")
        headers = {name: value for name, value in answer.headers.items() if name not in ours}
        lines = answer.text().splitlines(keepends=True)
        kept = [x for x in lines if self.media or not x.startswith("a=candidate")]
        return route.fulfill(status=answer.status, headers=headers, body="".join(kept))


def answered(page: Page, question: str, count: int) -> None:
    page.evaluate("(text) => call.type(text)", question)
    page.wait_for_function(ANSWERED, arg=count, timeout=30_000)


def test_a_call_is_made_asked_stopped_and_hung_up_in_the_protocols_own_words(
    tmp_path: Path,
) -> None:
    client = built(tmp_path / "js")
    server = Server(tmp_path, "--key", "k-server")
    # The package's worklet is in its script, which the console's policy would not let in.
    with b.browsing(server.url, b.silence(tmp_path), ready=False, policed=False) as page:
        endpoint = Endpoint(page)
        served(page, client)
        page.evaluate(CALL, [server.url, "k-server"])
        assert page.evaluate("() => call.transport") == "udp"
        page.wait_for_function(ANSWERED, arg=1, timeout=30_000)
        page.evaluate(SHOW)
        page.wait_for_function(ANSWERED, arg=2, timeout=30_000)
        page.evaluate("() => call.type('tell me a story')")
        page.wait_for_function(SPEAKING)
        page.evaluate("() => call.interrupt()")
        page.wait_for_function(
            "() => seen.findLast(e => e.type === 'response.done').response.status === 'cancelled'"
        )
        with page.expect_response("**/hangup"):
            page.evaluate("() => call.hangUp()")
        b.until(lambda: "reason='hung up'" in server.log)
        assert endpoint.asked == [("POST", "calls"), ("POST", "hangup")]
        assert unknown(page) == []

        endpoint.media = False
        page.evaluate(CALL, [server.url, "k-server"])
        assert page.evaluate("() => call.transport") == "websocket"
        page.wait_for_function(ANSWERED, arg=1, timeout=30_000)
        answered(page, "what is twelve times seven", 2)
        assert "output_audio_buffer.clear" not in page.evaluate("() => sent")
        assert unknown(page) == []
        socket = f"ws{server.url.removeprefix('http')}/v1/realtime?model=gpt-realtime"
        assert endpoint.asked[2:] == [("POST", "calls"), ("GET", socket)]
    server.stop()


def unknown(page: Page) -> list[str]:
    """What either side said of ours, and what was wrong with anything."""
    said: list[str] = page.evaluate(
        "() => [...sent, ...seen.map(e => e.type)].filter(t => t.startsWith('talkover.'))"
    )
    return said + page.evaluate("() => errors.map(e => e.error.message)")
