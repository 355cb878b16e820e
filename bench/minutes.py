"""A minute of other people's talk, or of music, over a long story: who is not meant must not stop
the agent, and who cuts in at its end still must.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .agents import oracle
from .case import LEAD_S, REST_S, ROOM_S, Case, Clips, Part, ms, words
from .line import Line
from .noise import Floats, babble, music, scaled
from .scoring import AUDIBLE_DB, Heard
from .speech import HUMAN, VOICES, Clip, Samples, Tape
from .timing import BARGE
from .verdicts import SPEECH_LEVEL

MINUTE_S = 60.0
BELOW_DB = 10.0
"""The noise is so far below the caller's own voice."""
TALK = (
    "the one in the morning was late again so i took the bus",
    "we have plenty of time but the children are getting hungry",
    "no i told her that on monday and she said it was fine",
    "have you seen the new place on the corner by the station",
)
NOISES = ("babble", "music")
EARS = (("near", "near ear"), ("no words", oracle("none")), ("embedded", "embedded ear"))
"""A recogniser without errors that hears no words in noise, one that never has any, and ours."""


def minutes(clips: Clips, n: int) -> Iterable[Case]:
    """Each noise once, with another seed and another voice that cuts in each time."""
    synthetic = [voice for voice in clips.voices if voice != HUMAN] or list(VOICES)
    voice = synthetic[n % len(synthetic)]
    said = clips.say(BARGE, voice)
    # All voices equally loud: the recogniser without errors goes by that.
    barge = Clip(voice, scaled(said.samples, SPEECH_LEVEL).round().astype(np.int16))
    for noise in NOISES:
        tape = Tape(n)
        tape.silence(ROOM_S + LEAD_S + MINUTE_S)
        mark = tape.say(barge)
        tape.silence(REST_S)
        sound = crowd(clips, tape.length, n) if noise == "babble" else music(tape.length, n)
        tape.cover(scaled(sound, SPEECH_LEVEL / 10 ** (BELOW_DB / 20)))
        for ear, agent in EARS:
            kind = f"{noise}, {BELOW_DB:.0f} dB, {ear}"
            yield Case("minute", kind, agent, voice, tape, (mark,), over=True, room_s=ROOM_S)


def crowd(clips: Clips, length: int, n: int) -> Floats:
    """Six voices at once."""
    talk: list[Sequence[Samples]] = [
        [clips.say(text, voice).samples for text in TALK] for voice in VOICES
    ]
    return babble(length, n, talk)


def endured(line: Line, case: Case) -> dict[str, Any]:
    """How often the agent was stopped before the barge-in, how long it was silent, and whether the
    barge-in was heard."""
    onset = line.spoken(case.marks[0][0])
    lost = [
        at
        for at, event in line.events
        if event["type"] == "response.done" and event["response"]["status"] == "cancelled"
    ]
    heard = Heard(line.chunks)
    began = line.times("output_audio_buffer.started")[0]
    # After a false stop nobody may have asked it to go on.
    spoke = heard.level_before(onset) > AUDIBLE_DB
    silent = heard.longest_silence(began + 0.5, onset)
    return {
        "cancels": sum(at < onset for at in lost),
        "spoiled": any(at < onset for at in lost),
        "silent_ms": round(silent * 1000),
        "silent_share": round(heard.silent_share(began + 0.5, onset), 3),
        "holds": len([at for at in line.times("talkover.held") if at < onset]),
        "spoke": spoke,
        "barge_in_caught": any(at >= onset for at in lost) if spoke else None,
        "cancel_ms": ms(min((at for at in lost if at >= onset), default=None), onset),
        "why": [event["why"] for event in line.of("talkover.decision")],
        "said": words(line),
    }


MINUTE = Part(
    minutes, endured,
    ("spoiled", "cancels", "holds", "silent_ms", "spoke", "barge_in_caught", "cancel_ms"),
)  # fmt: skip
