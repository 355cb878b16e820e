"""What the `openai` package's two browser clients are tried with; their pages have `connect(url,
key)`, `send(event)`, `seen` and `errors`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chromium import browsing, secret, site, until
from playwright.async_api import Page
from trial import PICTURE, TOOL, URL, feature, message

PACKAGE = Path(os.environ["CLIENT_MODULES"]) / "openai"
TEXT = {"output_modalities": ["text"]}
COMMON = """
window.seen = []; window.errors = [];
window.count = (kind) => seen.filter((e) => e.type === kind).length;
window.last = (kind) => seen.filter((e) => e.type === kind).at(-1);
window.said = () => seen.filter((e) => e.type === 'response.done')
  .flatMap((e) => e.response.output).flatMap((i) => i.content ?? [])
  .map((p) => p.text ?? p.transcript);
"""


def page(module: str) -> str:
    return f"<!doctype html><meta charset=utf-8><script type=module>{COMMON}{module}</script>"


class Trial:
    """Features of one of them."""

    def __init__(self, module: str) -> None:
        self._origin = site(PACKAGE, page(module))

    @asynccontextmanager
    async def talking(
        self, before: float = 50.0, key: str | None = None, **session: Any
    ) -> AsyncIterator[Page]:
        async with browsing(self._origin, before) as page:
            await page.wait_for_function("() => window.connect")
            await page.evaluate("([url, key]) => connect(url, key)", [URL, key or secret()])
            await until(page, "() => count('session.created') === 1")
            if session:
                await send(page, "session.update", session={"type": "realtime", **session})
                await until(page, "() => count('session.updated') > 0")
            yield page

    def features(self) -> None:
        feature("connect")(self.connect)
        feature("text turn")(self.text_turn)
        feature("tool call")(self.tool_call)
        feature("retrieve")(self.retrieve)
        feature("cancel when idle")(self.cancel_when_idle)
        feature("double response.create")(self.double_response)
        feature("image")(self.image)
        feature("history edit")(self.history_edit)
        feature("secret")(self.secret)

    async def connect(self) -> None:
        async with self.talking() as page:
            assert await page.evaluate("() => last('session.created').session.id")
            await no_errors(page)

    async def text_turn(self) -> None:
        async with self.talking(**TEXT) as page:
            await ask(page, "hello")
            await until(page, "() => said().at(-1) === 'You said hello.'")
            await no_errors(page)

    async def tool_call(self) -> None:
        async with self.talking(**TEXT, tools=[TOOL]) as page:
            await ask(page, "use the tool")
            await until(page, "() => count('response.function_call_arguments.done') === 1")
            call = await page.evaluate("() => last('response.function_call_arguments.done')")
            assert call["name"] == "get_weather", call
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
            await send(page, "conversation.item.create", item=output)
            await send(page, "response.create")
            await until(page, "() => said().at(-1) === 'The tool says rain.'")
            await no_errors(page)

    async def retrieve(self) -> None:
        async with self.talking() as page:
            await send(page, "conversation.item.create", item=message("hi", id="item_1"))
            await send(page, "conversation.item.retrieve", item_id="item_1")
            await until(page, "() => last('conversation.item.retrieved')?.item.id === 'item_1'")
            await no_errors(page)

    async def cancel_when_idle(self) -> None:
        async with self.talking(**TEXT) as page:
            await send(page, "response.cancel", event_id="evt_idle")
            await until(page, "() => last('error')?.error.event_id === 'evt_idle'")
            await ask(page, "there?")
            await until(page, "() => said().at(-1) === 'You said there?.'")

    async def double_response(self) -> None:
        async with self.talking() as page:
            await ask(page, "tell me a story")
            await until(page, "() => count('response.created') === 1")
            await send(page, "response.create", event_id="evt_two")
            await until(page, "() => last('error')?.error.event_id === 'evt_two'")
            code = await page.evaluate("() => last('error').error.code")
            assert code == "conversation_already_has_active_response", code

    async def image(self) -> None:
        async with self.talking(**TEXT) as page:
            item = message("")
            item["content"] = [{"type": "input_image", "image_url": PICTURE}]
            await send(page, "conversation.item.create", item=item)
            await send(page, "response.create")
            await until(page, "() => said().at(-1) === 'I see a picture.'")
            await no_errors(page)

    async def history_edit(self) -> None:
        async with self.talking(**TEXT) as page:
            for number in ("one", "two"):
                item = message(number, id=f"item_{number}")
                await send(page, "conversation.item.create", item=item)
            await send(page, "conversation.item.delete", item_id="item_two")
            await until(page, "() => last('conversation.item.deleted')?.item_id === 'item_two'")
            await send(page, "response.create")
            await until(page, "() => said().at(-1) === 'You said one.'")
            await no_errors(page)

    async def secret(self) -> None:
        bound = secret(instructions="Bound.")
        async with self.talking(key=bound) as page:
            found = await page.evaluate("() => last('session.created').session.instructions")
            assert found == "Bound.", found
        async with browsing(self._origin) as page:
            await page.wait_for_function("() => window.connect")
            refused = await page.evaluate(
                "([url, key]) => connect(url, key).then(() => '', (error) => String(error))",
                [URL, "ek_expired"],
            )
            assert refused, "a secret that is none was taken"


async def send(page: Page, kind: str, **fields: Any) -> None:
    await page.evaluate("(event) => send(event)", {"type": kind, **fields})


async def ask(page: Page, text: str) -> None:
    await send(page, "conversation.item.create", item=message(text))
    await send(page, "response.create")


async def no_errors(page: Page) -> None:
    errors = await page.evaluate("() => JSON.stringify(errors)")
    assert errors == "[]", errors


async def story(page: Page) -> str:
    """The item of a story that has begun."""
    await ask(page, "tell me a story")
    await until(page, "() => count('response.output_audio_transcript.delta') > 0")
    await asyncio.sleep(1)
    return await page.evaluate("() => last('response.output_audio_transcript.delta').item_id")
