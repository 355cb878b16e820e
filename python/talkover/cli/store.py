"""What outlives this process, and other servers know: sessions and client secrets."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..cluster.base import SessionLog
from ..cluster.secrets import Secrets
from ..cluster.sqlite import SqliteLog
from ..cluster.sqlite_secrets import SqliteSecrets
from ..config import Settings
from ..errors import ConfigError

if TYPE_CHECKING:
    from ..cluster.nats_link import NatsLink


@dataclass(frozen=True, slots=True)
class Store:
    """`bus` is how the other servers are reached, where there may be any."""

    sessions: SessionLog
    secrets: Secrets
    bus: NatsLink | None = None


async def opened(settings: Settings) -> Store:
    """In NATS, in a file, or in memory, as the settings say. ConfigError."""
    if settings.nats is not None:
        return await _in_nats(settings, settings.nats)
    usual = state_folder() / f"sessions-{settings.port}.db"
    file = None if settings.state == "memory" else Path(settings.state or usual)
    log = SqliteLog(
        file, _node(), settings.state_hours * 3600.0,
        tells=settings.webhook is not None,
    )  # fmt: skip
    return Store(log, SqliteSecrets(log))


def state_folder() -> Path:
    """Where a server of this user keeps what it is given no other place for."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "talkover"


def _node() -> str:
    """The name of this process among all that share a store."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}".replace(".", "-")


async def _in_nats(settings: Settings, url: str) -> Store:
    try:
        from ..cluster.nats import NatsLog
        from ..cluster.nats_link import NatsLink
        from ..cluster.nats_secrets import NatsSecrets
    except ImportError:
        raise ConfigError("--nats needs its client: pip install talkover[nats].") from None
    link = await NatsLink.connect(url, _node())
    try:
        log = await NatsLog.over(
            link, keep_s=settings.state_hours * 3600.0, away_s=settings.resume_seconds,
            replicas=settings.nats_replicas, tells=settings.webhook is not None,
            spools=_spools(settings),
        )  # fmt: skip
        return Store(log, await NatsSecrets.over(link, settings.nats_replicas), link)
    except ConfigError:
        await link.close()
        raise


def _spools(settings: Settings) -> Path | None:
    """Beside where sessions would be without NATS; None where nothing outlives the process."""
    if settings.state == "memory":
        return None
    return (Path(settings.state).parent if settings.state else state_folder()) / "spool"
