"""The npm `openai` package's browser WebSocket (`openai/realtime/websocket`), in Chromium."""

from __future__ import annotations

import base64

from chromium import until
from openai_page import Trial, no_errors, send, story
from playwright.async_api import Page
from trial import SPEECH, feature, run

trial = Trial(
    """
import { OpenAIRealtimeWebSocket } from '/realtime/websocket.mjs';
window.connect = async (baseURL, apiKey) => {
  const socket = new OpenAIRealtimeWebSocket({ model: 'gpt-realtime' }, { apiKey, baseURL });
  socket.on('event', (event) => seen.push(event));
  socket.on('error', (error) => errors.push(String(error.message)));
  window.send = (event) => socket.send(event);
  await new Promise((resolve, reject) => {
    socket.socket.addEventListener('open', resolve);
    socket.socket.addEventListener('close', () => reject(new Error('refused')));
  });
};"""
)
trial.features()


async def speak(page: Page) -> None:
    quiet = bytes(48000 * 2)
    for chunk in range(0, len(sound := SPEECH + quiet), 9600):
        audio = base64.b64encode(sound[chunk : chunk + 9600]).decode()
        await send(page, "input_audio_buffer.append", audio=audio)


@feature("audio turn")
async def audio_turn() -> None:
    async with trial.talking() as page:
        await speak(page)
        await until(page, "() => said().at(-1) === 'You said what is the weather.'")
        assert await page.evaluate("() => count('response.output_audio.delta')")
        await no_errors(page)


@feature("barge-in")
async def barge_in() -> None:
    async with trial.talking() as page:
        await story(page)
        await speak(page)
        await until(page, "() => seen.some((e) => e.response?.status === 'cancelled')")
        await until(page, "() => said().at(-1) === 'You said what is the weather.'")
        await no_errors(page)


@feature("truncate")
async def truncate() -> None:
    async with trial.talking() as page:
        item = await story(page)
        await send(page, "response.cancel")
        await send(
            page, "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=300
        )
        await until(page, "() => last('conversation.item.truncated')?.audio_end_ms === 300")
        await no_errors(page)


run()
