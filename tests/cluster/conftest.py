"""NATS servers for the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster.nats_server import NatsServer
from cluster.secured import SecuredNats, secured


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def rights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredNats]:
    """One that gives each server no more than deploy/nats.conf does."""
    with secured(tmp_path_factory.mktemp("rights")) as made:
        yield made
