"""Noise suppression is the client's choice, before a call and during it."""

from __future__ import annotations

import math
import random
from array import array

from wire.line import Line

from talkover.media.port import MediaPort


def rumble(seconds: float) -> bytes:
    """As of a fan: the lower, the louder."""
    dice, level, sound = random.Random(1), 0.0, array("h")
    for _ in range(round(24000 * seconds)):
        level = 0.9 * level + dice.gauss(0, 130)
        sound.append(round(level))
    return sound.tobytes()


async def heard_db(line: Line) -> float:
    """The level of the last second of a rumble that the recogniser hears; it is learnt by then."""
    line.append(rumble(3.0))
    line.send("input_audio_buffer.commit")
    await line.wait("input_audio_buffer.committed")
    utterance = line.session.hearing.utterance
    assert utterance is not None
    last = array("h", utterance.sound)[-16000:]
    return 10 * math.log10(sum(s * s for s in last) / len(last) / 32768**2 + 1e-12)


async def test_a_rumble_goes_and_comes_back_as_the_client_wants(media: MediaPort) -> None:
    wanted = {"turn_detection": None, "noise_reduction": {"type": "far_field"}}
    line = Line(media, {"audio": {"input": wanted}, "output_modalities": ["text"]})
    shown = (await line.wait("session.created"))["session"]
    assert shown["audio"]["input"]["noise_reduction"] == {"type": "far_field"}
    cleaned = await heard_db(line)
    patch = {"type": "realtime", "audio": {"input": {"noise_reduction": None}}}
    line.send("session.update", session=patch)
    shown = (await line.wait("session.updated"))["session"]
    assert shown["audio"]["input"]["noise_reduction"] is None
    assert await heard_db(line) > cleaned + 20
    line.send("session.update", session={**patch, "audio": {"input": wanted}})
    await line.wait("session.updated")
    assert await heard_db(line) < cleaned + 15
