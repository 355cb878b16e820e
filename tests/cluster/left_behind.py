"""A process that says more after NATS went away, and waits to be killed: URL, name, folder."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path

from talkover.cluster.base import Record
from talkover.cluster.nats import NatsLog
from talkover.cluster.nats_link import NatsLink

TOKEN = hashlib.sha256(b"token").digest()
LAST = 150


async def main(url: str, name: str, spools: Path) -> None:
    log = await NatsLog.over(await NatsLink.connect(url, name), spools=spools)
    for id in ("goes_on", "claimed", "forgotten"):
        log.open(id, TOKEN, {})
        await log.append(id, 1, Record(1, 0, "{}"))
    print("begun", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for number in range(2, LAST + 1):
        log.append("goes_on", 1, Record(number, number, f'{{"n":{number}}}'))
    log.append("claimed", 1, Record(2, 0, "{}"))
    log.append("forgotten", 1, Record(2, 0, "{}"))
    log.open("new", TOKEN, {"agent": "x"})
    log.append("new", 1, Record(1, 0, "{}"))
    log.close("new", 1, "hung up")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
