"""What a bad network leaves of speech: loss, jitter and narrow links, and aiortc on the same.

A caller speaks sentences through a relay that loses, delays and squeezes packets both ways, to an
agent that sends back what it hears. What comes back is scored.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
import time
import wave
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import httpx2 as httpx
import numpy as np

from talkover.testing.relay import Relay
from talkover.testing.weather import Link, Weather

from .child import Child
from .intelligibility import RATE as HEARD_RATE
from .intelligibility import Found, Sentence, Sound, look, understood, word_errors
from .line import Line
from .report import Report, arguments, percent, percentile, say, spread, table
from .scoring import Heard
from .speech import Tape, save_at, spoken

SENTENCES = (
    ("slt", "what time is it now"), ("rms", "repeat after me the quick brown fox"),
    ("awb", "tell me another story"), ("kal", "what is twelve divided by four"),
    ("slt", "set a timer for five minutes"), ("rms", "could you tell me the time"),
    ("awb", "start a timer for twenty seconds"), ("slt", "how much is nine times eight"),
)  # fmt: skip
"""The embedded recogniser knows all of them where nothing is lost."""
PAUSE_S = 0.8
LEAD_S, REST_S = 1.0, 2.6
TRIES = 3
"""To connect."""
LATE_MS = 10.0
"""Of the generator's packets and of the relay's, p99: beyond this a run does not count."""
LOOK_S = 0.02
LOSS, JITTER, KBPS = (0, 5, 10, 20, 30), (0, 40, 100, 200), (None, 64, 40, 24)
FEW = ("0/0", "5/0", "10/0", "20/0", "30/0", "0/40", "0/100", "0/200", "5/40", "10/100",
       "0/0/64", "0/0/40", "0/0/24")  # fmt: skip
SERVERS = {"talkover": "bench.server", "aiortc": "bench.aiortc_echo"}
AGENT = "echo"
GOALS = {
    "talkover_word_error_percent_at_10_loss": 10.0,
    "talkover_missing_percent_at_10_loss": 2.0,
    "not_worse_than_aiortc": True,
}
METHOD = (
    "Eight sentences in four of flite's voices, as 20 kb/s wideband Opus with FEC, like a "
    "browser's; through a seeded relay in user space, the same weather each way; back through the "
    "same. Loss is of single packets; jitter is even between 0 and that, so that packets overtake "
    "each other; a rate counts IP and UDP headers and has a queue of 300 ms. Both servers decode "
    "and encode again, so that a figure has both ways in it; the caller is the same (Talkover's, "
    "its jitter buffer and concealment too). 'up' is what Talkover's agent heard, without the way "
    "back. Word error is the embedded recogniser's against the known words (substituted, left "
    "out, put in). Missing is the share of voiced 20 ms frames (within 30 dB of the sentence's "
    "loudest) that are silent (below -60 dB) where cross-correlation finds the sentence; what was "
    "concealed is not missing, and the word error says what it was worth. Mouth to ear is from a "
    "sample's place on the tape to its arrival out of the caller's jitter buffer (pieces of up to "
    "40 ms), by sentence. 'lost' sentences were not found at all, and count as missing where they "
    "should have been. The caller's tape does not adapt to a narrow link, as a browser would: with "
    "headers it needs about 42 kb/s. The relay rolls its dice packet by packet, so that each "
    "server meets the same kind of network and not the same fates. packets_lost_percent is what "
    "the relay dropped, control packets too."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One weather: loss in %, jitter in ms, and kb/s where the link is narrow."""

    loss: float
    jitter_ms: float
    kbps: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """LOSS/JITTER or LOSS/JITTER/KBPS. ValueError."""
        loss, jitter, *kbps = (float(part) for part in text.split("/"))
        if not 0 <= loss <= 100 or len(kbps) > 1:
            raise ValueError(text)
        return cls(loss, jitter, *kbps)

    @property
    def weather(self) -> Weather:
        return Weather(self.loss / 100, 0.0, self.jitter_ms, self.kbps)


class Punctuality:
    """How late this process's event loop, on which the relay runs, gets to what is due."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    async def watch(self) -> None:
        while True:
            due = time.monotonic() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self.late_ms.append((time.monotonic() - due) * 1000)


def tape(folder: Path, count: int) -> tuple[list[bytes], list[Sentence], float]:
    """Packets, sentences and seconds."""
    made = Tape(0).silence(LEAD_S)
    sentences: list[Sentence] = []
    for voice, text in SENTENCES[:count]:
        clip = spoken(text, voice, folder)
        began, _ = made.say(clip)
        made.silence(PAUSE_S)
        file = folder / "sentence.wav"
        save_at(file, clip.samples, HEARD_RATE)
        with wave.open(str(file)) as source:
            samples = np.frombuffer(source.readframes(source.getnframes()), np.int16)
        sentences.append(Sentence(text, began, samples.astype(np.float64)))
    made.silence(REST_S)
    return made.packets(), sentences, made.seconds


class Grid:
    """All calls of one run; `heard` is the folder where Talkover's agent keeps what it heard."""

    def __init__(self, folder: Path, sentences: int, seed: int) -> None:
        self.heard = folder / "heard"
        self.heard.mkdir()
        self._seed = seed
        self._packets, self._sentences, self._seconds = tape(folder, sentences)

    async def calls(
        self, server: str, url: str, cells: Sequence[Cell], at_once: int
    ) -> list[dict[str, Any]]:
        """All cells with one server."""
        gate = asyncio.Semaphore(at_once)
        async with httpx.AsyncClient() as client:

            async def one(cell: Cell) -> dict[str, Any]:
                async with gate:
                    return await self.call(server, url, cell, client)

            return await asyncio.gather(*(one(cell) for cell in cells))

    async def call(
        self, server: str, url: str, cell: Cell, client: httpx.AsyncClient
    ) -> dict[str, Any]:
        """One cell with one server: its figures, with `back` and `up` not yet understood."""
        said = {"server": server} | asdict(cell)
        for tried in range(1, TRIES + 1):
            line = Line(records=True)
            try:
                with ExitStack() as network:
                    began = time.monotonic()
                    relay = await self._dial(line, server, url, cell, client, network)
                    connected = {"connect_s": round(time.monotonic() - began, 2), "tries": tried}
                    line.play(self._packets)
                    await asyncio.sleep(self._seconds)
                    load, late = os.getloadavg()[0], line.media.core.stats()["lateness_p99_ms"]
                    lost = {"up": _lost(relay.up), "down": _lost(relay.down)}
                    await line.hang_up(client)
                return said | connected | self._heard(line, server) | {
                    "packets_lost_percent": lost, "ended": line.closed, "events": len(line.events),
                    "load": load, "generator_late_p99_ms": round(late, 2),
                }  # fmt: skip
            except (RuntimeError, TimeoutError, httpx.HTTPError) as error:
                say(f"{server}, {cell}, try {tried}: {type(error).__name__} {error}")
            finally:
                line.close()
        return said | {"failed": f"did not connect in {TRIES} tries"}

    async def _dial(
        self, line: Line, server: str, url: str, cell: Cell,
        client: httpx.AsyncClient, network: ExitStack,
    ) -> Relay:  # fmt: skip
        relays: list[Relay] = []

        def through(answer: str) -> str:
            port = re.search(r"a=candidate:\S+ \d+ udp \d+ \S+ (\d+) ", answer)
            if port is None:
                raise RuntimeError(f"{server} names no address in its answer.")
            relay = Relay(int(port[1]), cell.weather, cell.weather, seed=self._seed)
            relays.append(network.enter_context(relay))
            return relay.through(answer)

        await line.dial(client, url, AGENT if server == "talkover" else None, through)
        return relays[0]

    def _heard(self, line: Line, server: str) -> dict[str, Any]:
        found: dict[str, Any] = {"back": [], "up": None}
        if line.chunks:
            heard = Heard(line.chunks)
            sound = Sound(heard.samples, heard.times - line.spoken(0.0))
            found["back"] = look(self._sentences, sound)
        for event in line.of("session.created") if server == "talkover" else ():
            pcm = (self.heard / event["session"]["id"]).read_bytes()
            samples = np.frombuffer(pcm, np.int16).astype(np.float64)
            # Nobody dated these; they began with the tape.
            found["up"] = look(self._sentences, Sound(samples, np.arange(len(samples) // 80) / 200))
        return found

    async def score(self, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Figures in place of sound."""
        places = [(run, way) for run in runs for way in ("back", "up") if run.get(way)]
        clips = [found.pcm for run, way in places for found in run[way]]
        texts = iter(await understood(clips, os.cpu_count() or 1))
        for run, way in places:
            run[way] = self._figures(run[way], [next(texts) for _ in run[way]])
        return runs

    def _figures(self, found: Sequence[Found], texts: Sequence[str]) -> dict[str, Any]:
        said = [sentence.text for sentence in self._sentences]
        wrong = sum(word_errors(one, other) for one, other in zip(said, texts, strict=True))
        delays = [one.delay_s * 1000 for one in found if one.delay_s is not None]
        return {
            "word_error_percent": percent(wrong, sum(len(text.split()) for text in said)),
            "missing_percent": percent(
                sum(one.missing for one in found), sum(one.voiced for one in found)
            ),
            "mouth_to_ear_ms": spread(delays),
            "lost_sentences": len(found) - len(delays),
            "understood": list(texts),
        }


async def run(
    cells: Sequence[Cell], asked: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The figures of all cells, and how late the relay was."""
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        grid = Grid(Path(name), asked.sentences, asked.seed)
        relay: dict[str, Any] = {}
        for server in asked.servers:
            say(f"{server}: {len(cells)} calls, {asked.parallel} at a time")
            kept = {"BENCH_HEARD": str(grid.heard)}
            clock = Punctuality()
            async with Child(SERVERS[server], Path(name), **kept) as child:
                watching = asyncio.create_task(clock.watch())
                runs += await grid.calls(server, child.url, cells, asked.parallel)
                watching.cancel()
            relay[server] = spread(clock.late_ms, 2) | {"p99": percentile(clock.late_ms, 99)}
        say("the recogniser listens")
        await grid.score(runs)
    for one_run in runs:
        late = one_run.get("generator_late_p99_ms", 0.0), relay[one_run["server"]]["p99"] or 0.0
        one_run["valid"] = max(late) <= LATE_MS
    return runs, relay


def _lost(way: Link) -> float | None:
    return percent(way.lost, way.lost + way.passed)


def _row(run: dict[str, Any]) -> list[Any]:
    where = [run["server"], run["loss"], run["jitter_ms"], run["kbps"]]
    if "failed" in run:
        return [*where, run["failed"], *[None] * 10]
    up: dict[str, Any] = run["up"] or {}
    back: dict[str, Any] = run["back"] or {}
    delay: dict[str, Any] = back.get("mouth_to_ear_ms") or {}
    return [
        *where, run["connect_s"], back.get("word_error_percent"), back.get("missing_percent"),
        delay.get("p50"), delay.get("p95"), back.get("lost_sentences"),
        up.get("word_error_percent"), up.get("missing_percent"),
        run["generator_late_p99_ms"], run["load"], run["valid"],
    ]  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    few = [Cell.parse(text) for text in FEW]
    parser.add_argument(
        "--cells", type=Cell.parse, nargs="+", default=few, metavar="LOSS/JITTER[/KBPS]",
        help="%% / ms / kb/s",
    )  # fmt: skip
    parser.add_argument("--full", action="store_true", help="every loss, jitter and rate crossed")
    parser.add_argument("--servers", nargs="+", default=list(SERVERS), choices=list(SERVERS))
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="of the eight")
    parser.add_argument("--parallel", type=int, default=4, help="calls at a time")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.full:
        asked.cells = [Cell(loss, ms, rate) for rate in KBPS for ms in JITTER for loss in LOSS]
    cells, asked.cells = asked.cells, [asdict(cell) for cell in asked.cells]
    report = Report("network", asked)
    runs, relay = asyncio.run(run(cells, asked))
    head = ("server", "loss %", "jitter ms", "kb/s", "connect s", "word error %", "missing %",
            "delay p50", "p95", "lost", "up: word error", "up: missing", "generator p99", "load",
            "valid")  # fmt: skip
    order = sorted(runs, key=lambda one: asked.cells.index(
        {key: one[key] for key in ("loss", "jitter_ms", "kbps")}))  # fmt: skip
    table("speech there and back over a bad network", head, [_row(one) for one in order])
    report.write(METHOD, GOALS, {"runs": runs, "relay_late_ms": relay})


if __name__ == "__main__":
    main()
