"""The npm `openai` package's WebRTC helper (`openai/realtime/webrtc`), in Chromium."""

from __future__ import annotations

import asyncio

from chromium import until
from openai_page import Trial, ask, no_errors, send
from trial import feature, run

trial = Trial(
    """
import { OpenAIRealtimeWebRTC } from '/realtime/webrtc.mjs';
window.connect = async (url, key) => {
  const call = new OpenAIRealtimeWebRTC();
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  call.peerConnection.addTrack(microphone.getAudioTracks()[0], microphone);
  call.onEvent((event) => seen.push(event));
  call.onConnectionEvent((event) => event.type === 'error' && errors.push(event.error.message));
  window.send = (event) => call.send(event);
  window.call = call;
  await call.connect({ exchangeSdp: async (offer, { signal }) => {
    const response = await fetch(`${url}/realtime/calls?model=gpt-realtime`, {
      method: 'POST', body: offer, signal,
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/sdp' },
    });
    if (!response.ok) throw new Error(await response.text());
    window.place = response.headers.get('Location');
    return response.text();
  } });
};"""
)
trial.features()


@feature("audio turn")
async def audio_turn() -> None:
    async with trial.talking(1.0) as page:
        await until(page, "() => said().at(-1) === 'You said what is the weather.'")
        await until(page, "() => count('output_audio_buffer.stopped') > 0")
        assert await page.evaluate("() => count('response.output_audio.delta')") == 0
        await no_errors(page)


@feature("barge-in")
async def barge_in() -> None:
    async with trial.talking(5.0) as page:
        await ask(page, "tell me a story")
        await until(page, "() => count('output_audio_buffer.cleared') > 0")
        await until(page, "() => count('conversation.item.truncated') > 0")
        await until(page, "() => said().at(-1) === 'You said what is the weather.'")
        await no_errors(page)


@feature("truncate")
async def truncate() -> None:
    async with trial.talking() as page:
        await ask(page, "tell me a story")
        await until(page, "() => count('output_audio_buffer.started') > 0")
        await asyncio.sleep(1)
        await send(page, "output_audio_buffer.clear")
        await until(page, "() => count('output_audio_buffer.cleared') > 0")
        await until(page, "() => count('conversation.item.truncated') > 0")
        await no_errors(page)


@feature("hang-up")
async def hang_up() -> None:
    async with trial.talking() as page:
        await page.evaluate("() => call.close()")
        assert await page.evaluate("() => call.state") == "closed"
        assert await page.evaluate("() => place.startsWith('/v1/realtime/calls/')")


run()
