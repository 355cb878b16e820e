"""Pictures both ways in a real Chromium, and to a vision model behind a URL."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from e2e import browser as b
from e2e.server import Server
from pictures import BLUE, RED
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from talkover.cli.caller import Caller

pytestmark = pytest.mark.e2e

AGENT = f"""
import base64
from talkover import Agent, Image

agent = Agent(client_may=("voice",))
RED, BLUE = (Image(base64.b64decode(data)) for data in ({base64.b64encode(RED)!r},
                                                         {base64.b64encode(BLUE)!r}))

@agent.on("look")
async def look(session, data):
    picture = await session._call.video.look(3)
    await session.send("seen", picture and {{
        "webp": base64.b64encode(picture.data).decode(),
        "width": picture.width, "height": picture.height, "at": picture.at}})

@agent.on("show")
async def show(session, data):
    await session.send("shown", await session.show(RED if data == "red" else BLUE))

@agent.reply
async def reply(turn):
    picture = await turn.look(3)
    yield "I see nothing." if picture is None else f"I see {{picture.width}} by {{picture.height}}."
"""

OPENED = """async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/webp" }));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4) {
    colours.add((data[at] >> 5) * 64 + (data[at + 1] >> 5) * 8 + (data[at + 2] >> 5));
  }
  return [picture.width, picture.height, colours.size];
}"""

COLOUR = """() => {
  const video = document.querySelector("[data-testid=picture]");
  if (!video.videoWidth) return null;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const [red, green, blue] = context.getImageData(32, 24, 1, 1).data;
  if (red > 150 && blue < 90) return "red";
  return blue > 150 && red < 90 ? "blue" : `${red} ${green} ${blue}`;
}"""

# No client of ours: it only receives, and its worker asks for key frames (PLI).
OTHER_PAGE = """async () => {
  const peer = new RTCPeerConnection();
  const quiet = new AudioContext().createMediaStreamDestination();
  peer.addTrack(quiet.stream.getAudioTracks()[0], quiet.stream);
  const { receiver } = peer.addTransceiver("video", { direction: "recvonly" });
  const channel = peer.createDataChannel("oai-events");
  const code = `let last;
    onrtctransform = ({ transformer }) => {
      last = transformer;
      transformer.readable.pipeTo(transformer.writable);
    };
    onmessage = () => last.sendKeyFrameRequest();`;
  window.worker = new Worker(URL.createObjectURL(new Blob([code])));
  receiver.transform = new RTCRtpScriptTransform(worker);
  window.received = async () => [...(await receiver.getStats()).values()]
    .find(({ type }) => type === "inbound-rtp");
  const video = document.createElement("video");
  video.muted = video.autoplay = true;
  document.body.append(video);
  peer.ontrack = ({ track }) => {
    if (track.kind === "video") video.srcObject = new MediaStream([track]);
  };
  await peer.setLocalDescription(await peer.createOffer());
  const headers = { "Content-Type": "application/sdp" };
  const request = { method: "POST", headers, body: peer.localDescription.sdp };
  const sdp = await (await fetch("/v1/realtime/calls", request)).text();
  await peer.setRemoteDescription({ type: "answer", sdp });
  await new Promise((resolve) => { channel.onopen = resolve; });
  channel.send(JSON.stringify({ type: "talkover.message", name: "show", data: "red" }));
}"""

VIDEO_STATS = """async (direction) => {
  const report = await talkover.call.leg.peer.getStats();
  return [...report.values()].find((e) => e.type === direction + "-rtp" && e.kind === "video");
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("pictures"), agent=AGENT)
    yield server
    server.stop()


def tell(page: Page, name: str, data: Any = None) -> None:
    page.evaluate("([name, data]) => talkover.call.message(name, data)", [name, data])


def told(page: Page, name: str, count: int = 1) -> Any:
    found = f"talkover.events.filter(e => e.type === 'talkover.message' && e.name === '{name}')"
    b.wait(page, f"() => {found}.length >= {count}")
    return page.evaluate(f"() => {found}[{count - 1}].data")


def test_the_agent_looks_through_a_real_camera(server: Server, tmp_path: Path):
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        b.call(page)
        tell(page, "look")
        assert told(page, "seen") is None, "the camera is off"
        page.get_by_test_id("camera").click()
        b.wait(page, "() => document.querySelector('[data-testid=own-picture]').videoWidth > 0")
        for count in (2, 3):
            page.wait_for_timeout(700)
            tell(page, "look")
            seen = told(page, "seen", count)
            width, height, colours = page.evaluate(OPENED, seen["webp"])
            assert (width, height) == (seen["width"], seen["height"])
            assert width >= 320 and colours > 3
        # Its time is that of the facts, a moment before the answer was told.
        last = page.evaluate(
            "() => talkover.events.filter(e => e.name === 'seen').at(-1).at_ms / 1000"
        )
        assert last - 1.5 < seen["at"] <= last
        page.get_by_test_id("text-input").fill("what do you see")
        page.get_by_test_id("send").click()
        b.event(page, "output_audio_buffer.stopped")
        assert f"I see {width} by {height}." in b.transcript(page)
        page.get_by_test_id("camera").click()
        assert page.get_by_test_id("pictures").is_hidden()


def test_the_agent_shows_one_picture_after_the_other(server: Server, tmp_path: Path):
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        b.call(page)
        assert page.get_by_test_id("pictures").is_hidden()
        for n, colour in enumerate(("red", "blue", "red"), 1):
            tell(page, "show", colour)
            assert told(page, "shown", n) is True
            b.wait(page, f"() => ({COLOUR})() === '{colour}'", 10)
        assert page.get_by_test_id("picture").is_visible()
        b.picture(page, "shown")
        stats = page.evaluate(VIDEO_STATS, "inbound")
        assert stats["framesDecoded"] >= 3 and stats["framesDropped"] == 0
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
        assert page.get_by_test_id("pictures").is_hidden()


def test_a_page_of_another_kind_is_shown_the_picture_again_when_it_asks(
    server: Server, tmp_path: Path
):
    # A page whose policy lets the test have a worker of its own.
    with b.browsing(f"{server.url}/healthz", b.silence(tmp_path), ready=False) as page:
        page.evaluate(OTHER_PAGE)
        frames = "async () => (await received())?.keyFramesDecoded ?? 0"
        asked = "async () => (await received())?.pliCount ?? 0"
        # Each is sent twice. One that came is not missed, but Chromium may ask of itself.
        page.wait_for_function(f"async () => await ({frames})() >= 2", timeout=10_000)
        before = page.evaluate(frames), page.evaluate(asked)
        page.evaluate("worker.postMessage('ask')")
        # Chromium tells of its request a moment later than of the answer to it.
        for count, then in zip((frames, asked), before, strict=True):
            page.wait_for_function(f"async () => await ({count})() > {then}", timeout=10_000)


def test_camera_and_agents_picture_are_seen_beside_the_transcript(server: Server, tmp_path: Path):
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        b.call(page)
        page.get_by_test_id("camera").click()
        tell(page, "show", "blue")
        b.wait(page, f"() => ({COLOUR})() === 'blue'", 10)
        b.wait(page, "() => document.querySelector('[data-testid=own-picture]').videoWidth > 0")
        page.get_by_test_id("text-input").fill("what do you see")
        page.get_by_test_id("send").click()
        b.event(page, "output_audio_buffer.stopped")
        b.picture(page, "camera")
        transcript = page.get_by_test_id("transcript").bounding_box()
        pictures = page.get_by_test_id("pictures").bounding_box()
        assert transcript and pictures
        assert transcript["x"] + transcript["width"] <= pictures["x"]
        page.set_viewport_size({"width": 360, "height": 700})
        b.picture(page, "camera-narrow")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


class VisionModel:
    """An OpenAI-compatible server whose model asks to look; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        routes = [
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="error")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()

    async def models(self, _: Request) -> Response:
        return JSONResponse({"data": [{"id": "sees"}]})

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        tools = [tool["function"]["name"] for tool in body.get("tools", ())]
        if "look" in tools and not any(m["role"] == "tool" for m in body["messages"]):
            call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{}"}}
            delta: dict[str, Any] = {"tool_calls": [call]}
        else:
            delta = {"content": "That is red."}

        async def events() -> AsyncIterator[str]:
            yield f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(5)


def shown(body: dict[str, Any]) -> list[str]:
    parts = [p for m in body["messages"] if isinstance(m["content"], list) for p in m["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


@pytest.mark.parametrize("vision", ["on_request", "every_turn"])
async def test_a_vision_model_behind_a_url_gets_what_the_camera_shows(tmp_path: Path, vision: str):
    model = VisionModel()
    agent = f"from talkover import Agent\nagent = Agent('Be brief.', vision={vision!r})\n"
    server = Server(tmp_path, f"--llm={model.url}", agent=agent)
    picture = tmp_path / "camera.webp"
    picture.write_bytes(RED)
    try:
        async with Caller(server.url, video=picture) as call:
            await call.wait_for("session.created")
            call.type("what is this")
            done = await call.wait_for("response.done")
            assert done["response"]["output"][-1]["content"][0]["transcript"] == "That is red."
        url = f"data:image/webp;base64,{base64.b64encode(RED).decode()}"
        assert shown(model.asked[-1]) == [url]
        assert len(model.asked) == (2 if vision == "on_request" else 1)
    finally:
        server.stop()
        model.stop()


async def test_a_caller_gets_the_agents_picture_and_a_voice_call_is_told_there_is_none(
    server: Server, tmp_path: Path
):
    picture = tmp_path / "camera.webp"
    picture.write_bytes(BLUE)
    async with Caller(server.url, video=picture) as call:
        await call.wait_for("session.created")
        call.send({"type": "talkover.message", "name": "show", "data": "red"})
        await call.wait_for("talkover.message")
        assert (await call.look()).webp == RED
    async with Caller(server.url) as call:
        await call.wait_for("session.created")
        assert "m=video" not in call.answer
        call.send({"type": "talkover.message", "name": "show", "data": "red"})
        assert (await call.wait_for("talkover.message"))["data"] is False
