"""The session log in NATS JetStream: for several machines, any of which may take a session up.

A session's row (its term, who has it, how it ended) is a key of a bucket, changed by compare and
set. Its records are messages of one subject of a stream; each is taken only if the last one of that
subject is still the one that its writer knows, so that whoever claims a session writes a mark
there, and the last owner is fenced by its next write. Nothing waits for NATS but what says so:
writes wait here while it is away, on the disk too (`spool.py`), and are sent again under the same
id; those of a process that was killed meanwhile are sent by the next one on its machine.
"""

# pyright: reportUnknownMemberType=false
# The client leaves types out of its optional arguments.

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import structlog
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StreamConfig, StreamInfo
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KeyValue

from ..errors import ConfigError, NotFound
from .base import (
    OWED,
    Backlog,
    Fenced,
    Kept,
    Kind,
    LogUnavailable,
    Opened,
    Record,
    check_claim,
    unclaimed,
    unknown,
)
from .delivery import deliver
from .nats_link import TROUBLES, NatsLink, sure
from .nodes import GONE_S
from .spool import Spool, Write
from .writer import Unwritable, Writer, failed

log = structlog.get_logger("talkover.log")

T = TypeVar("T")
STREAM, BUCKET, SUBJECT = "TALKOVER_LOG", "talkover_sessions", "talkover.log"
TIDY_S = WATCH_S = 1.0
DELIVER_S = 5.0
"""What processes that are gone have left on this machine is looked for so often."""
CONNECT_S = 5.0
ANSWER_S = 2.0
WRONG_LAST_SEQUENCE = 10071


@dataclass(frozen=True, slots=True)
class Row:
    """A session's key. `token` is base64; `owed` has what is still to be told, by `OWED`."""

    id: str
    term: int
    node: str
    token: str
    about: dict[str, Any]
    began: float
    ended: float | None = None
    reason: str | None = None
    owed: int = 0
    begun: bool = False

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of(cls, value: bytes | None) -> Self:
        return cls(**json.loads(value or b"{}"))

    @property
    def opened(self) -> Opened:
        return Opened(
            self.id, self.term, self.node, base64.b64decode(self.token), self.about, self.began,
            self.ended, self.reason,
        )  # fmt: skip


class NatsLog:
    """`over` makes one of a link, which outlives it."""

    def __init__(
        self, link: NatsLink, stream: JetStreamContext, rows: KeyValue, spool: Spool, *,
        keep_s: float, away_s: float, tells: bool,
    ) -> None:  # fmt: skip
        self.link, self._stream, self._rows, self.node = link, stream, rows, link.node
        self.spool = spool
        self._keep_s, self._away_s = keep_s, away_s
        self._owed = sum(OWED.values()) if tells else 0
        self._known: dict[str, Row] = {}
        """What the bucket has, as it is told of changes."""
        self._writers: dict[str, Writer] = {}
        self._calls: dict[str, str] = {}
        """Sessions by the id of their call."""
        self._begun_by: dict[str, set[str]] = {}
        """Those that have not ended, by the secret that they were begun with."""
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def over(
        cls,
        link: NatsLink,
        *,
        keep_s: float = 86_400.0,
        away_s: float = 60.0,
        replicas: int = 1,
        tells: bool = False,
        spools: Path | None = None,
    ) -> Self:
        """Ended sessions are kept for `keep_s` seconds; one that nobody has, and to which nobody
        came back for `away_s`, is an orphan. `spools` has a folder for each log that servers of
        this machine write. ConfigError."""
        stream = link.client.jetstream(timeout=ANSWER_S)
        try:
            kept = await stream.add_stream(StreamConfig(
                name=STREAM, subjects=[f"{SUBJECT}.*"], num_replicas=replicas, allow_direct=True,
                max_age=keep_s + 30 * 86_400, duplicate_window=600,
            ))  # fmt: skip
            rows = await stream.create_key_value(KeyValueConfig(BUCKET, replicas=replicas))
        except TROUBLES as error:
            why = str(error) or "no answer; has its user the rights that deploy/nats.conf gives?"
            raise ConfigError(f"NATS cannot keep sessions: {why}.") from None
        # What waits for one log is no other's business.
        folder = None if spools is None else spools / _name(kept)
        spool = Spool(folder, link.node)
        made = cls(link, stream, rows, spool, keep_s=keep_s, away_s=away_s, tells=tells)
        await made._begin()
        return made

    @property
    def backlog(self) -> Backlog:
        return Backlog(self.spool.records, self.spool.bytes)

    # ---- for sessions --------------------------------------------------------------------------

    def open(self, id: str, token: bytes, about: dict[str, Any]) -> asyncio.Future[None]:
        text = base64.b64encode(token).decode()
        row = Row(id, 1, self.node, text, about, time.time(), owed=self._owed)
        self._learn(row)
        return self._writer(id, 1, 0).do(("open", asdict(row)))

    def append(self, id: str, term: int, record: Record) -> asyncio.Future[None]:
        writer = self._writers.get(id)
        if writer is None or writer.term != term:
            return failed(Fenced("This session goes on elsewhere, or was deleted."))
        return writer.append(record)

    def check(self, id: str, term: int) -> asyncio.Future[None]:
        async def check() -> None:
            row, _ = await self._row(id)
            if row.term != term:
                raise Fenced("This session goes on elsewhere.")

        return asyncio.ensure_future(sure(check()))

    def close(self, id: str, term: int, reason: str) -> asyncio.Future[None]:
        writer = self._writers.get(id)
        if writer is None or writer.term != term:
            return failed(Fenced("This session goes on elsewhere, or was deleted."))
        return writer.do(("close", (time.time(), reason)))

    def claim(self, id: str, token: bytes | None) -> asyncio.Future[Kept]:
        return asyncio.ensure_future(sure(self._claim(id, token)))

    def opened(self, most: int = 1000) -> asyncio.Future[list[Opened]]:
        rows = sorted(self._known.values(), key=lambda row: -row.began)
        return _done([row.opened for row in rows[:most]])

    def orphans(self) -> asyncio.Future[list[str]]:
        return _done([
            row.id for row in self._known.values()
            if row.ended is None and self.link.silent_s(row.node) >= GONE_S + self._away_s
        ])  # fmt: skip

    def calls_by(self, secret: str) -> int:
        rows = [self._known[id] for id in self._begun_by.get(secret, ())]
        return sum(row.node != self.node and self.link.lives(row.node) for row in rows)

    def holder(self, id: str) -> str | None:
        row = self._known.get(self._calls.get(id, id))
        if row is None or row.ended is not None or row.node == self.node:
            return None
        return row.node if self.link.lives(row.node) else None

    def find(self, id: str) -> asyncio.Future[Opened]:
        async def find() -> Opened:
            row, _ = await self._row(id)
            return row.opened

        return asyncio.ensure_future(sure(find()))

    def read(self, id: str, after: int = 0) -> asyncio.Future[Kept]:
        return asyncio.ensure_future(sure(self._read(id, after)))

    def forget(self, id: str) -> asyncio.Future[None]:
        return asyncio.ensure_future(sure(self._forget(id)))

    def untold(self, kind: Kind) -> asyncio.Future[list[str]]:
        """Of sessions that this process has, or that nobody has any more."""
        return _done([
            row.id for row in self._known.values()
            if row.owed & OWED[kind] and row.begun and (kind == "started" or row.ended is not None)
            and (row.node == self.node or not self.link.lives(row.node))
        ])  # fmt: skip

    def told(self, id: str, kind: Kind) -> asyncio.Future[None]:
        change = self._change(id, None, lambda row: replace(row, owed=row.owed & ~OWED[kind]))
        return asyncio.ensure_future(sure(change))

    async def shut(self) -> None:
        writers = [writer.idle() for writer in self._writers.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await asyncio.gather(*writers)
        for writer in self._writers.values():
            writer.stop()
        for task in self._tasks:
            task.cancel()
        await self.spool.close()

    # ---- within --------------------------------------------------------------------------------

    async def _begin(self) -> None:
        ready = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._follow(ready), name="session log: changes"),
            asyncio.create_task(self._tidy(), name="session log: tidy"),
        ]
        async with asyncio.timeout(CONNECT_S):
            await ready.wait()
        # Before anybody can claim what it is of.
        await deliver(self)
        self._tasks.append(asyncio.create_task(self._go_on_delivering(), name="session log: spool"))

    async def _follow(self, ready: asyncio.Event) -> None:
        """The bucket as it is, and every change."""
        watcher = await self._rows.watchall()
        while True:
            try:
                entry: Any = await watcher.updates(timeout=WATCH_S)
            except (TimeoutError, NatsError):
                continue
            if entry is None:
                ready.set()
            elif entry.operation is not None:
                self._unlearn(entry.key)
            else:
                self._learn(Row.of(entry.value))

    async def _tidy(self) -> None:
        while True:
            old = [
                row.id for row in self._known.values()
                if row.ended is not None and row.node == self.node and not row.owed
                and time.time() - row.ended > self._keep_s
            ]  # fmt: skip
            for id in old:
                with contextlib.suppress(LogUnavailable, NotFound):
                    await sure(self._forget(id))
            await asyncio.sleep(TIDY_S)

    def _learn(self, row: Row) -> None:
        self._known[row.id] = row
        self._calls[row.about.get("call_id", "")] = row.id
        if row.ended is None and (secret := row.about.get("secret")) is not None:
            self._begun_by.setdefault(secret, set()).add(row.id)
        elif row.ended is not None:
            self._over(row)

    def _unlearn(self, id: str) -> None:
        row = self._known.pop(id, None)
        if row is not None:
            self._calls.pop(row.about.get("call_id", ""), None)
            self._over(row)

    def _over(self, row: Row) -> None:
        secret = row.about.get("secret", "")
        begun = self._begun_by.get(secret, set())
        begun.discard(row.id)
        if not begun:
            self._begun_by.pop(secret, None)

    def _writer(self, id: str, term: int, last: int) -> Writer:
        made = self._writers[id] = Writer(self, self.spool, id, term, last)
        return made

    async def _create(self, row: Row) -> None:
        """Fenced where there is or was such a session, but for this very one."""
        try:
            await self._rows.update(row.id, row.to_bytes(), 0)
        except KeyWrongLastSequenceError:
            with contextlib.suppress(NotFound):
                found, _ = await self._row(row.id)
                if (found.term, found.node) == (row.term, row.node):
                    return
            raise Fenced("There is such a session already, or it was deleted.") from None

    async def _row(self, id: str) -> tuple[Row, int]:
        """And its revision. NotFound."""
        try:
            entry = await self._rows.get(id)
        except KeyNotFoundError:
            raise unknown(id) from None
        return Row.of(entry.value), cast(int, entry.revision)

    async def _change(self, id: str, term: int | None, change: Callable[[Row], Row]) -> None:
        """Compare and set, until nobody was faster. Fenced where the term is not `term`."""
        while True:
            try:
                row, revision = await self._row(id)
            except NotFound:
                raise Fenced("This session was deleted.") from None
            changed = change(row)
            if term is not None and row.term != term:
                raise Fenced("This session goes on elsewhere.")
            if changed == row:
                return
            if term is not None and row.ended is not None:
                raise Fenced("This session has ended.")
            try:
                await self._rows.update(id, changed.to_bytes(), revision)
            except KeyWrongLastSequenceError:
                continue
            self._learn(changed)
            return

    async def _claim(self, id: str, token: bytes | None) -> Kept:
        while True:
            try:
                row, revision = await self._row(id)
            except NotFound:
                raise unclaimed() from None
            check_claim(base64.b64decode(row.token), row.ended, token)
            taken = replace(row, term=row.term + 1, node=self.node)
            with contextlib.suppress(KeyWrongLastSequenceError):
                await self._rows.update(id, taken.to_bytes(), revision)
                break
        self._learn(taken)
        records, last = await self._mark(id, taken.term)
        self._writer(id, taken.term, last)
        return Kept(taken.opened, records)

    async def _mark(self, id: str, term: int) -> tuple[list[Record], int]:
        """Fence the last owner: what it wrote until then, and the place of the mark."""
        while True:
            records, last, highest = await self.records(id)
            if highest > term:
                raise Fenced("This session was taken up elsewhere just now; try again.")
            # Where somebody was faster, it is read again.
            with contextlib.suppress(Fenced):
                return records, await self.publish(id, {"term": term}, last, f"{id}.{term}")

    async def records(self, id: str) -> tuple[list[Record], int, int]:
        """All of a session, the place of the last message, and the highest term that is marked."""
        subject = f"{SUBJECT}.{id}"
        try:
            last = (await self._stream.get_last_msg(STREAM, subject, direct=True)).seq or 0
        except NotFoundError:
            return [], 0, 0
        found: dict[int, Record] = {}
        highest = place = 0
        reader = await self._stream.subscribe(subject, stream=STREAM, ordered_consumer=True)
        try:
            while place < last:
                message = await reader.next_msg(timeout=ANSWER_S)
                place = message.metadata.sequence.stream
                body: Any = json.loads(message.data)
                if "term" in body:
                    highest = max(highest, int(body["term"]))
                else:
                    found.update((entry[0], Record(*entry)) for entry in body["records"])
        finally:
            await reader.unsubscribe()
        return [found[number] for number in sorted(found)], last, highest

    async def _read(self, id: str, after: int) -> Kept:
        row, _ = await self._row(id)
        records, _, _ = await self.records(id)
        return Kept(row.opened, [record for record in records if record.seq > after])

    async def _forget(self, id: str) -> None:
        await self._row(id)
        await self._rows.purge(id)
        await self._stream.purge_stream(STREAM, subject=f"{SUBJECT}.{id}")
        self._unlearn(id)
        writer = self._writers.pop(id, None)
        if writer is not None:
            writer.drop()

    async def publish(self, id: str, body: Any, last: int, message: str) -> int:
        """Its place in the stream. Fenced where the subject's last message is not at `last`, unless
        that is this very one, which was taken when its answer was lost."""
        if not self.link.client.is_connected:
            # The client would keep it, and each time that it is tried again.
            raise LogUnavailable("NATS is not connected.")
        return await sure(self._publish(id, body, last, message))

    async def begun(self, id: str, term: int) -> None:
        """Its first record is written."""
        known = self._known.get(id)
        if known is None or not known.begun:
            await sure(self._change(id, term, lambda row: replace(row, begun=True)))

    async def settle(self, id: str, term: int, write: Write) -> None:
        if write[0] == "open":
            return await sure(self._create(Row(**write[1])))
        ended, reason = write[1]
        await sure(self._change(id, term, lambda row: replace(row, ended=ended, reason=reason)))
        self._writers.pop(id, None)

    async def _publish(self, id: str, body: Any, last: int, message: str) -> int:
        subject = f"{SUBJECT}.{id}"
        headers = {"Nats-Expected-Last-Subject-Sequence": str(last), "Nats-Msg-Id": message}
        try:
            done = await self._stream.publish(
                subject, json.dumps(body).encode(), stream=STREAM, headers=headers
            )
            return done.seq
        except MaxPayloadError:
            raise Unwritable("A record is larger than NATS takes.") from None
        except APIError as error:
            if error.err_code != WRONG_LAST_SEQUENCE:
                raise
        found = await self._stream.get_last_msg(STREAM, subject, direct=True)
        named = cast("dict[str, str]", found.headers or {})
        if named.get("Nats-Msg-Id") == message:
            return found.seq or 0
        raise Fenced("This session goes on elsewhere.")

    async def _go_on_delivering(self) -> None:
        while True:
            await asyncio.sleep(DELIVER_S)
            await deliver(self)


def _name(stream: StreamInfo) -> str:
    """Of this log and no other one, the same for all who write it."""
    return hashlib.sha256(str(stream.created).encode()).hexdigest()[:16]


def _done(value: T) -> asyncio.Future[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future
