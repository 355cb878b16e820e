"""`@openai/agents-realtime` in Chromium over WebRTC, on a page of another origin than the server.

Unlike the other trials this one runs with this project's own Python, which has a browser's driver.
"""

from __future__ import annotations

import asyncio
import functools
import os
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chromium import browsing, secret, site
from chromium import until as wait
from playwright.async_api import Page
from trial import KEY, PICTURE, URL, feature, run

BUNDLE = Path(os.environ["CLIENT_MODULES"]) / "@openai/agents-realtime/dist/bundle"
TEXT: dict[str, Any] = {"outputModalities": ["text"]}
PAGE = """<!doctype html><meta charset=utf-8><title>trial</title>
<script src="openai-realtime-agents.umd.js"></script><script>
const { RealtimeAgent, RealtimeSession, OpenAIRealtimeWebRTC, tool } = OpenAIAgentsRealtime;
const seen = [], errors = [];
const parameters = {
  type: 'object', properties: { city: { type: 'string' } }, required: ['city'],
  additionalProperties: false,
};
async function connect(url, apiKey, config) {
  const weather = tool({
    name: 'get_weather', description: 'The weather of a city.', parameters, strict: true,
    execute: ({ city }) => `rain in ${city}`,
  });
  const agent = new RealtimeAgent({ name: 'Test', instructions: 'You are a test.',
                                    tools: [weather] });
  const transport = new OpenAIRealtimeWebRTC({ baseUrl: `${url}/realtime/calls` });
  window.session = new RealtimeSession(agent, { transport, model: 'gpt-realtime', config });
  session.on('transport_event', (event) => seen.push(event));
  session.on('error', (error) => errors.push(error));
  await session.connect({ apiKey });
}
const said = () => session.history.filter((i) => i.role === 'assistant')
  .flatMap((i) => i.content.map((p) => p.text ?? p.transcript));
const count = (kind) => seen.filter((e) => e.type === kind).length;
</script>"""


ORIGIN = site(BUNDLE, PAGE)
STATE = "[said(), errors, seen.map((e) => e.type).slice(-30)]"


@asynccontextmanager
async def talking(
    before: float = 50.0, key: str | None = None, **config: Any
) -> AsyncIterator[Page]:
    """A page with a session; the microphone is silent for so many seconds first."""
    async with browsing(ORIGIN, before) as page:
        await page.evaluate(
            "([url, key, config]) => connect(url, key, config)", [URL, key or secret(), config]
        )
        yield page


until = functools.partial(wait, state=STATE)


async def no_errors(page: Page) -> None:
    errors = await page.evaluate("() => JSON.stringify(errors)")
    assert errors == "[]", errors


@feature("connect")
async def connect() -> None:
    async with talking() as page:
        await until(page, "() => count('session.updated') > 0")
        found = await page.evaluate(
            "() => seen.find((e) => e.type === 'session.updated').session.audio.output.voice"
        )
        assert found
        await no_errors(page)


@feature("text turn")
async def text_turn() -> None:
    async with talking(**TEXT) as page:
        await page.evaluate("() => session.sendMessage('hello')")
        await until(page, "() => said().at(-1) === 'You said hello.'")
        await no_errors(page)


@feature("audio turn")
async def audio_turn() -> None:
    async with talking(1.0) as page:
        await until(page, "() => said().at(-1) === 'You said what is the weather.'")
        await until(page, "() => count('output_audio_buffer.stopped') > 0")
        assert await page.evaluate("() => count('response.output_audio.delta')") == 0
        await no_errors(page)


@feature("tool call")
async def tool_call() -> None:
    async with talking(**TEXT) as page:
        await page.evaluate("() => session.sendMessage('use the tool')")
        await until(page, "() => said().at(-1) === 'The tool says rain in Paris.'")
        await no_errors(page)


@feature("barge-in")
async def barge_in() -> None:
    async with talking(5.0) as page:
        await page.evaluate("() => session.sendMessage('tell me a story')")
        await until(page, "() => count('output_audio_buffer.started') > 0")
        await until(page, "() => count('output_audio_buffer.cleared') > 0")
        await until(page, "() => count('conversation.item.truncated') > 0")
        await until(page, "() => said().at(-1) === 'You said what is the weather.'")
        done = await page.evaluate(
            "() => seen.find((e) => e.type === 'response.done').response.status_details"
        )
        assert done == {"type": "cancelled", "reason": "turn_detected"}, done
        await no_errors(page)


@feature("truncate")
async def truncate() -> None:
    async with talking() as page:
        await page.evaluate("() => session.sendMessage('tell me a story')")
        await until(page, "() => count('output_audio_buffer.started') > 0")
        await asyncio.sleep(1)
        # Over WebRTC this is response.cancel and output_audio_buffer.clear.
        await page.evaluate("() => session.interrupt()")
        await until(page, "() => count('output_audio_buffer.cleared') > 0")
        await until(page, "() => count('conversation.item.truncated') > 0")
        await until(page, "() => count('conversation.item.retrieved') > 0")
        await no_errors(page)


@feature("retrieve")
async def retrieve() -> None:
    async with talking(**TEXT) as page:
        await page.evaluate("() => session.sendMessage('hello')")
        await until(page, "() => said().length > 0")
        await page.evaluate(
            "() => session.transport.sendEvent({ type: 'conversation.item.retrieve',"
            " item_id: session.history[0].itemId })"
        )
        await until(page, "() => count('conversation.item.retrieved') > 0")
        await no_errors(page)


@feature("cancel when idle")
async def cancel_when_idle() -> None:
    async with talking(**TEXT) as page:
        await page.evaluate("() => session.interrupt()")
        await page.evaluate("() => session.sendMessage('there?')")
        await until(page, "() => said().at(-1) === 'You said there?.'")
        await no_errors(page)


@feature("image")
async def image() -> None:
    async with talking(**TEXT) as page:
        await page.evaluate("(url) => session.addImage(url)", PICTURE)
        await until(page, "() => said().at(-1) === 'I see a picture.'")
        await no_errors(page)


@feature("history edit")
async def history_edit() -> None:
    async with talking(**TEXT) as page:
        for text in ("one", "two"):
            await page.evaluate("(text) => session.sendMessage(text)", text)
            await until(page, f"() => said().at(-1) === 'You said {text}.'")
        await page.evaluate(
            "() => session.updateHistory((h) => h.filter((i) =>"
            " !i.content?.some((p) => p.text === 'two')))"
        )
        await until(page, "() => count('conversation.item.deleted') > 0")
        await page.evaluate("() => session.sendMessage('what is our history?')")
        await until(page, "() => said().at(-1) === 'I know one / what is our history?.'")


@feature("secret")
async def expired() -> None:
    key = secret(10)
    async with talking(key=key, **TEXT) as page:
        await page.evaluate("() => session.sendMessage('hello')")
        await until(page, "() => said().at(-1) === 'You said hello.'")
    await asyncio.sleep(11)
    try:
        async with talking(key=key):
            pass
    except Exception as error:
        assert "expired" in str(error), error
        return
    raise AssertionError("an expired secret was taken")


@feature("hang-up")
async def hang_up() -> None:
    async with talking(**TEXT) as page:
        await until(page, "() => count('session.updated') > 0")
        call = await page.evaluate("() => session.transport.callId")
        request = urllib.request.Request(
            f"{URL}/realtime/calls/{call}/hangup", b"", {"Authorization": f"Bearer {KEY}"}
        )
        await asyncio.to_thread(urllib.request.urlopen, request)
        await until(page, "() => session.transport.status === 'disconnected'")


if __name__ == "__main__":
    run()
