"""Client secrets in a bucket of NATS, which forgets each after the longest that one may last."""

# pyright: reportUnknownMemberType=false
# The client leaves types out of its optional arguments.

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from typing import Self, TypeVar, cast

from nats.js.api import KeyValueConfig
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from ..errors import ConfigError
from .nats_link import TROUBLES, NatsLink, sure
from .secrets import Grant

T = TypeVar("T")
BUCKET = "talkover_secrets"
LONGEST_S = 7200
ANSWER_S = 1.0
"""A caller waits for this; a store that is away is done without."""


class NatsSecrets:
    """`over` makes one of a link, which outlives it."""

    def __init__(self, rows: KeyValue) -> None:
        self._rows = rows

    @classmethod
    async def over(cls, link: NatsLink, replicas: int = 1) -> Self:
        """ConfigError."""
        stream = link.client.jetstream(timeout=ANSWER_S)
        config = KeyValueConfig(BUCKET, ttl=LONGEST_S, replicas=replicas)
        try:
            return cls(await stream.create_key_value(config))
        except TROUBLES as error:
            why = str(error) or "no answer; has its user the rights that deploy/nats.conf gives?"
            raise ConfigError(f"NATS cannot keep client secrets: {why}.") from None

    def put(self, hash: str, grant: Grant) -> asyncio.Future[None]:
        async def work() -> None:
            await self._rows.create(hash, json.dumps(asdict(grant)).encode())

        return asyncio.ensure_future(sure(work()))

    def get(self, hash: str) -> asyncio.Future[Grant | None]:
        async def work() -> Grant | None:
            found = await self._row(hash)
            return None if found is None else found[0]

        return asyncio.ensure_future(sure(work()))

    def use(self, hash: str, count: int = 1) -> asyncio.Future[bool]:
        async def work() -> bool:
            while (found := await self._row(hash)) is not None:
                grant, revision = found
                if grant.uses_left is None:
                    return True
                if grant.uses_left < count:
                    return False
                less = replace(grant, uses_left=grant.uses_left - count)
                try:
                    await self._rows.update(hash, json.dumps(asdict(less)).encode(), revision)
                except KeyWrongLastSequenceError:
                    continue
                return True
            return False

        return asyncio.ensure_future(sure(work()))

    async def _row(self, hash: str) -> tuple[Grant, int] | None:
        try:
            entry = await self._rows.get(hash)
        except KeyNotFoundError:
            return None
        return Grant(**json.loads(entry.value or b"{}")), cast(int, entry.revision)
