"""The figures of all conversations, a row for each transport, network and engines. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """`key` in a row; `how` it was measured is shown beside its plot. Smaller is always better."""

    key: str
    title: str
    unit: str
    how: str


COLUMNS = (
    Column("answer_ms", "End of speech to first audio", "ms",
           "Median time from the last voiced sample that the caller spoke to the first audible "
           "10 ms at the caller's loudspeaker. The REST clients end a turn after 500 ms of "
           "silence; over Realtime the server ends it, by the words."),
    Column("long_ms", "The same, after a long question", "ms",
           "As above, after a question of about ten seconds: a recording must be uploaded before "
           "anybody hears it, and a connection that stays open has heard it when it ends."),
    Column("mouth_ms", "Mouth to the agent's ear", "ms",
           "From a sample's being spoken to the recogniser's having it: median over all 20 ms "
           "pieces after the first half second of a question. The 95th percentile is in the "
           "table. A recording waits for its end."),
    Column("missing", "Answer late or lost", "%",
           "Share of an uninterrupted answer's time in which no tone of it sounded: stalls, lost "
           "words and silences for lost packets. The answer is tones without a pause."),
    Column("silent_ms", "Interruption to silence", "ms",
           "Median time from the first voiced sample of the caller, over the agent, to the last "
           "audible 10 ms. Every client stops its own loudspeaker once its own detector has heard "
           "200 ms of voice, REST too: what remains is what a server does sooner."),
    Column("wasted_ms", "Voice made after the interruption", "ms",
           "Mean length of the agent's voice that the server still synthesised from the onset of "
           "the interruption to the end of its sentence. Nothing where engines take no time: all "
           "of it was made before."),
    Column("unheard_ms", "Voice made and never heard", "ms",
           "Mean length of the voice of an interrupted answer that was paid for and not heard."),
    Column("history_words", "History beside what was heard", "words",
           "Mean difference, either way, between the words of the interrupted answer that the "
           "model is told of with the next question and those whose tone sounded for at least "
           "half its length. The REST clients report how much they played with the next question."),
    Column("recovery_ms", "Blackout to sound", "ms",
           "From the end of two seconds without any network, 0.8 s into an answer, until the "
           "answer was heard again; 0 where its sound was there already and never stopped."),
    Column("kilobytes", "Bytes on the wire a turn", "kB",
           "Both ways, with IP, UDP and TCP headers and what was sent again; without TLS and "
           "without empty acknowledgements. Microphones over Realtime are always on."),
    Column("connect_ms", "Until connected", "ms",
           "From the client's start to its first possible question, once a conversation: TCP for "
           "REST and WebSocket; HTTP, ICE, DTLS and the data channel for WebRTC. Without TLS."),
    Column("handshakes", "Handshakes a turn", "",
           "TCP connections, and for WebRTC ICE and DTLS, over the turns of a conversation; REST "
           "that hangs up to interrupt connects again."),
    Column("cpu", "Server's processor, a minute", "ms",
           "Processor time of the server process in a minute of conversation, engines included; "
           "REST's has no voice detection, no turn-taking and no codec in it."),
    Column("memory_mb", "Server's memory", "MB",
           "Resident size of the process at the end of the conversation."),
)  # fmt: skip


def rows(runs: Iterable[Row]) -> list[Row]:
    """One row for each conversation, failed ones too."""
    return [_row(run) for run in runs]


def _row(run: Row) -> Row:
    row: Row = {key: run[key] for key in ("transport", "network", "latency")}
    if "failed" in run:
        return row | {"failed": run["failed"]}
    turns: list[Row] = [turn for turn in run["turns"] if not turn["long"]]
    longs: list[Row] = [turn for turn in run["turns"] if turn["long"]]
    delays = [delay for turn in turns for delay in turn["mouth_to_ear_ms"]]
    missing = mean(_of(turns, "missing"))
    history = [abs(words) for words in _of(turns, "history_words")]
    answers = _of(turns, "answer_ms")
    return row | {
        "turns": len(run["turns"]),
        "unanswered": sum(turn["answer_ms"] is None for turn in run["turns"]),
        "answer_ms": percentile(answers, 50), "answer_p95_ms": percentile(answers, 95),
        "long_ms": percentile(_of(longs, "answer_ms"), 50),
        "mouth_ms": percentile(delays, 50), "mouth_p95_ms": percentile(delays, 95),
        "missing": None if missing is None else round(100 * missing, 1),
        "silent_ms": percentile(_of(turns, "silent_ms"), 50),
        "wasted_ms": mean(_of(turns, "wasted_ms")), "unheard_ms": mean(_of(turns, "unheard_ms")),
        "history_words": mean(history), "recovery_ms": mean(_of(turns, "recovery_ms")),
        "kilobytes": round(run["bytes_per_turn"] / 1000), "connect_ms": run["connect_ms"],
        "handshakes": run["handshakes_per_turn"], "cpu": run["cpu_ms_per_minute"],
        "memory_mb": None if run["memory_mb"] is None else round(run["memory_mb"]),
    }  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    ranked = sorted(values)
    if not ranked:
        return None
    return ranked[max(0, math.ceil(share / 100 * len(ranked)) - 1)]


def mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None


def _of(turns: Sequence[Row], key: str) -> list[float]:
    return [turn[key] for turn in turns if turn[key] is not None]
