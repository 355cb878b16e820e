"""What a socket's client appends, commits, clears and seeds."""

from __future__ import annotations

import base64
import math
from array import array

import pytest
from wire.line import Line

from talkover.media.port import MediaPort
from talkover.session.g711 import Compressor, Expander, Law
from talkover.testing import ScriptedEar
from talkover.testing.engines import Spoken

MANUAL = {"audio": {"input": {"turn_detection": None}}, "output_modalities": ["text"]}


def tone(seconds: float, hz: float = 400, level: int = 9000) -> bytes:
    step = 2 * math.pi * hz / 24000
    count = round(seconds * 24000)
    return array("h", (round(level * math.sin(step * n)) for n in range(count))).tobytes()


def told(*words: str) -> ScriptedEar:
    """A recogniser to whom all that will be said has been said already."""

    class Ear(ScriptedEar):
        def open(self, language, on_words):
            stream = super().open(language, on_words)
            stream.say([Spoken(word, 0.0, 0.0) for word in words])
            return stream

    return Ear(final=0.0)


async def test_sound_commit_and_response_in_one_burst_are_one_turn(media: MediaPort) -> None:
    line = Line(media, MANUAL, ear=told("what", "time"))
    line.append(tone(3.0))
    line.send("input_audio_buffer.commit")
    line.send("response.create")
    await line.wait("response.done")
    order = [k for k in line.kinds() if "delta" not in k]
    assert order[:6] == [
        "session.created",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "conversation.item.input_audio_transcription.completed",
    ]
    transcribed = next(e for e in line.events if e["type"].endswith("transcription.completed"))
    assert transcribed["transcript"] == "what time"
    assert transcribed["usage"]["seconds"] == pytest.approx(3.0, abs=0.02)
    assert line.llm.asked[0][-1]["content"] == "what time"


async def test_silence_can_be_committed_by_hand_and_nothing_cannot(media: MediaPort) -> None:
    line = Line(media, MANUAL)
    line.send("input_audio_buffer.commit", event_id="none")
    error = await line.error()
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "none")
    line.append(bytes(2400))
    line.send("input_audio_buffer.commit", event_id="short")
    assert (await line.error())["event_id"] == "short"
    line.append(bytes(4800))
    line.send("input_audio_buffer.commit")
    await line.wait("input_audio_buffer.committed")
    line.append(bytes(48000))
    line.send("input_audio_buffer.clear")
    await line.wait("input_audio_buffer.cleared")
    line.send("input_audio_buffer.commit", event_id="cleared")
    assert (await line.error())["event_id"] == "cleared"


async def test_two_commits_in_a_row_are_two_items(media: MediaPort) -> None:
    line = Line(media, MANUAL, ear=told("hello"))
    for _ in range(2):
        line.append(tone(1.0))
        line.send("input_audio_buffer.commit")
    kind = "conversation.item.input_audio_transcription.completed"
    transcribed = [await line.wait(kind) for _ in range(2)]
    first, second = (e for e in line.events if e["type"] == "input_audio_buffer.committed")
    assert second["previous_item_id"] == first["item_id"]
    assert {e["item_id"] for e in transcribed} == {first["item_id"], second["item_id"]}
    assert [e["transcript"] for e in transcribed] == ["hello", "hello"]


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_g711_carries_a_voices_band_and_joins_its_chunks(law: Law) -> None:
    sound = tone(1.0, 1000)
    compressor, expander, whole = Compressor(law), Expander(law), Compressor(law)
    coded = b"".join(compressor.push(sound[at : at + 962]) for at in range(0, len(sound), 962))
    assert coded == whole.push(sound)
    assert abs(len(coded) - 8000) <= 1
    back = array("h", expander.push(coded))
    # The delay of both filters: six samples in, three samples at 8 kHz out.
    middle, given = back[6000:18000], array("h", sound)
    best = min(
        sum((a - b) ** 2 for a, b in zip(middle, given[6000 - d : 18000 - d], strict=True))
        for d in range(30)
    )
    power = sum(a * a for a in middle)
    assert 10 * math.log10(power / best) > 20


async def test_a_telephone_is_heard_and_answered_in_its_own_format(media: MediaPort) -> None:
    law = {"format": {"type": "audio/pcmu"}}
    config = {"audio": {"input": {**law, "turn_detection": None}, "output": law}}
    line = Line(media, config, ear=told("hello"), pace=0.01)
    line.append(Compressor("audio/pcmu").push(tone(1.0)))
    line.send("input_audio_buffer.commit")
    line.send("response.create")
    await line.wait("response.done")
    coded = b"".join(
        base64.b64decode(e["delta"])
        for e in line.events
        if e["type"] == "response.output_audio.delta"
    )
    # "Hello to you." at 10 ms a character.
    assert len(coded) == pytest.approx(130 * 8, abs=200)
    levels = array("h", Expander("audio/pcmu").push(coded))
    assert max(levels) > 4000


async def test_an_item_made_of_sound_is_understood(media: MediaPort) -> None:
    line = Line(media, MANUAL, ear=told("from", "before"))
    sound = base64.b64encode(tone(0.5)).decode()
    item = {
        "id": "seed", "type": "message", "role": "user",
        "content": [{"type": "input_audio", "audio": sound}],
    }  # fmt: skip
    line.send("conversation.item.create", item=item)
    line.send("response.create")
    done = await line.wait("response.done")
    assert done["response"]["status"] == "completed"
    assert line.llm.asked[0][-1]["content"] == "from before"
    line.send("conversation.item.retrieve", item_id="seed")
    (part,) = (await line.wait("conversation.item.retrieved"))["item"]["content"]
    assert (part["audio"], part["transcript"]) == (sound, "from before")


async def test_fifteen_megabytes_at_once_are_heard_whole(media: MediaPort) -> None:
    line = Line(media, MANUAL, ear=told("much"))
    line.append(bytes(15 * 1024 * 1024))
    assert line.session.requests.intake._bytes < 16 * 1024 * 1024
    line.send("input_audio_buffer.commit")
    await line.session.requests.intake.room()
    await line.wait("input_audio_buffer.committed")
