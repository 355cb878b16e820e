"""A spoken interruption in a real call, as an audit looks at it."""

from __future__ import annotations

import asyncio
import math
from array import array

from ..audit.outside.seen import SpokenSeen
from ..engines.registry import fallback_voice
from ..errors import TalkoverError
from .answer import greeted
from .caller import Caller, CallError

ASKED = "Please tell me a long story."
CUT_IN = "Stop, wait a moment, please."
AUDIBLE_S = 15.0
SPEAKING = 40
"""Frames of 20 ms with a voice in them, after which the agent is well into its answer."""
VOICED_DB = -50.0
AFTER_S = 2.5
"""Listened for so long after the last word."""


async def barge_in(url: str, token: str | None, *, insecure: bool) -> SpokenSeen:
    """Ask for something long, cut in aloud, listen. Says in words where there was no call."""
    levels: list[tuple[float, float]] = []
    heard = asyncio.Event()

    def take(pcm: bytes) -> None:
        levels.append((call.now, level(pcm)))
        if sum(loud > VOICED_DB for _, loud in levels) >= SPEAKING:
            heard.set()

    call = Caller(url, token=token, insecure=insecure, on_sound=take)
    try:
        pcm, rate = await _words()
        async with call:
            connected_ms = call.now * 1000
            try:
                await greeted(call)
                levels.clear()
                heard.clear()
                asked = call.now
                call.type(ASKED)
                async with asyncio.timeout(AUDIBLE_S):
                    await heard.wait()
            except (TimeoutError, CallError) as error:
                why = str(error) or f"the agent said nothing within {AUDIBLE_S:g} s."
                return SpokenSeen(connected_ms, failure=why)
            cut_in = call.now
            call.play(pcm, rate)
            over = cut_in + len(pcm) / 2 / rate
            await asyncio.sleep(over - cut_in + AFTER_S)
            return SpokenSeen(connected_ms, asked, tuple(levels), cut_in, over)
    except TalkoverError as error:
        return SpokenSeen(0.0, failure=error.message)


def level(pcm: bytes) -> float:
    """The level of 16-bit sound, dB of full scale; silence is -96."""
    samples = array("h", pcm)
    power = sum(sample * sample for sample in samples) / max(len(samples), 1)
    return 20 * math.log10(max(math.sqrt(power) / 32768, 10**-4.8))


async def _words() -> tuple[bytes, int]:
    """What cuts in, from its first sound on. ConfigError where there is no voice."""
    voice = fallback_voice()
    try:
        pcm, rate = bytearray(), 0
        async for speech in voice.speak(CUT_IN, voice=None, language="en"):
            pcm += speech.pcm
            rate = speech.rate
    finally:
        await voice.close()
    samples = array("h", bytes(pcm))
    first = next((at for at, one in enumerate(samples) if abs(one) > 300), 0)
    return bytes(pcm[2 * first :]), rate
