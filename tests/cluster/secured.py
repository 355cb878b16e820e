"""A real NATS server with deploy/nats.conf: TLS by a certificate of its own, users with rights."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cluster.nats_server import NatsServer

CONFIG = Path(__file__).resolve().parents[2] / "deploy/nats.conf"
USERS = ("node_1", "node_2", "node_3", "admin")


class SecuredNats(NatsServer):
    """`url` is the admin's."""

    def __init__(self, folder: Path, config: str) -> None:
        file = folder / "nats.conf"
        file.write_text(config)
        super().__init__(folder, "--config", file)
        self.url = self.of("admin")

    def of(self, user: str) -> str:
        """The URL with which this user connects."""
        return f"tls://{user}:of-{user}@127.0.0.1:{self._port}"


@contextmanager
def secured(folder: Path, more: str = "") -> Iterator[SecuredNats]:
    """Whose certificate this process trusts meanwhile. `more` users are written as in the file."""
    certificate = folder / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", folder / "server.key", "-out", certificate, "-days", "2",
         "-subj", "/CN=nats", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    config = CONFIG.read_text()
    for theirs, ours in (
        ("/etc/nats/tls", str(folder)), ('"/data"', f'"{folder / "data"}"'),
        ('http: "0.0.0.0:8222"', ""), ("  users: [", f"  users: [{more}"),
    ):  # fmt: skip
        assert theirs in config
        config = config.replace(theirs, ours)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(certificate))
        for user in USERS:
            environment.setenv(f"{user.upper()}_PASSWORD", f"of-{user}")
        server = SecuredNats(folder, config)
        yield server
        server.stop()
