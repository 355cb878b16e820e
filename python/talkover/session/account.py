"""Where the silence before an answer went: stamps in, milliseconds by stage out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..media.loudness import loudness

STAGES = (
    "capture", "uplink", "jitter", "wait", "stt", "llm", "sentence", "tts", "play", "downlink",
    "buffer",
)  # fmt: skip
"""In the order in which they pass: from the user's microphone to the user's ear."""
STEPS = 200
"""A second; how loud a sound is, is said of 5 ms."""
AUDIBLE = (32768 * 10 ** (-45 / 20)) ** 2
"""The mean square of what can be heard: 45 dB below full scale."""
FADED = 10 ** (-30 / 10)
"""A voice so much softer than its loudest is silent, though a detector may still hear it."""
LOOKED_AT = 2 * 16000
"""Samples at the end of a turn among which the loudest is looked for."""
LEAST_QUIET = 2
"""Steps of silence at the end of a turn; with less of it, it did not fade."""
MOST_LEAD_S = 1.0
"""A voice that is silent for longer at its beginning means to be."""


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How the user's turn ended. Seconds; times are of the session's clock.

    `ended` is when its last words fell silent, as if the sound had come by the fastest packet of
    the call; it came `late` after that. `spoken`: there was one; otherwise the user asked at
    `ended` by other means. `way` is the time from one end of the network to the other, None where
    nobody knows it, or nobody asked.
    """

    ended: float = 0.0
    committed: float = 0.0
    stt: float = 0.0
    late: float = 0.0
    spoken: bool = False
    way: float | None = None


@dataclass(frozen=True, slots=True)
class ClientPart:
    """What only the client can tell of a turn, ms."""

    capture: float
    buffer: float


@dataclass(slots=True)
class Stamps:
    """When things happened to one reply, in seconds on the session's clock."""

    turn: TurnEnd = field(default_factory=TurnEnd)
    token: float | None = None
    worded: float | None = None
    voiced: float | None = None
    audible: float | None = None
    lead: float = 0.0
    client: ClientPart | None = None
    _loud: bool = False

    def write(self, now: float) -> None:
        """The model's first words came."""
        self.token = self.token or now

    def line(self, now: float) -> None:
        """The first sentence was whole."""
        self.worded = self.worded or now

    def sound(self, pcm: bytes, rate: int, now: float) -> None:
        """The next of the voice came."""
        self.line(now)
        self.voiced = self.voiced or now
        if not self._loud:
            quiet = leading(pcm, rate)
            self.lead += quiet / rate
            self._loud = quiet < len(pcm) // 2 or self.lead >= MOST_LEAD_S

    def timings(self) -> dict[str, float]:
        """Milliseconds by stage; they add up to `total`, the silence that the user heard.

        What was prepared before the turn was over cost nobody any time. A stage that nobody could
        measure is left out; nothing at all before the answer is audible.
        """
        if self.audible is None or self.worded is None or self.voiced is None:
            return {}
        turn = self.turn
        token = max(self.token or self.worded, turn.committed)
        worded = max(self.worded, token)
        voiced = max(self.voiced, worded)
        waited = turn.committed - turn.ended
        stt = min(turn.stt, waited)
        late = min(turn.late, waited - stt)
        seconds: dict[str, float] = {
            "wait": waited - stt - late,
            "stt": stt,
            "llm": token - turn.committed,
            "sentence": worded - token,
            "tts": voiced - worded,
            "play": self.audible + self.lead - voiced,
        }
        if turn.way is not None:
            seconds |= {"uplink": turn.way, "downlink": turn.way}
        if turn.spoken:
            seconds["jitter"] = late
        stages = {name: round(part * 1000, 1) for name, part in seconds.items()}
        if self.client is not None:
            stages["buffer"] = round(self.client.buffer, 1)
            if turn.spoken:
                stages["capture"] = round(self.client.capture, 1)
        ordered = {name: stages[name] for name in STAGES if name in stages}
        return ordered | {"total": round(sum(ordered.values()), 1)}


def faded(pcm: bytes) -> int:
    """Samples at the end of a turn (16 kHz) since its voice fell silent; none where it did not."""
    steps = loudness(pcm[-2 * LOOKED_AT :], 16000 // STEPS)
    loudest = max(steps, default=0.0)
    if loudest <= AUDIBLE:
        return 0
    loud = (n for n, step in enumerate(reversed(steps)) if step > loudest * FADED)
    quiet = next(loud)
    return quiet * (16000 // STEPS) if quiet >= LEAST_QUIET else 0


def leading(pcm: bytes, rate: int) -> int:
    """Samples before the first step that can be heard; all of them where there is none."""
    samples, step = len(pcm) // 2, rate // STEPS
    steps = enumerate(loudness(pcm[: 2 * samples], step))
    loud = (n for n, energy in steps if energy > AUDIBLE)
    return min(next(loud, samples) * step, samples)
