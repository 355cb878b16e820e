"""Unmodified clients of others do with our server what they do with the one they were made for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.matrix import CLIENTS, PAGE, Client, Server, attempt, speech, table

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("clients")
    speech(made)
    return made


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[list[Server]]:
    made = [Server(folder), Server(folder, "--tls")]
    yield made
    for server in made:
        server.stop()
        assert not server.faults, server.log


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_works_as_the_page_says(
    client: Client, servers: list[Server], folder: Path
) -> None:
    found = attempt(client, servers[client.tls].url, folder)
    assert {feature: why for feature, why in found.items() if why} == {}
    column = [row.split("|")[2].strip() for row in table({client.name: found}).splitlines()]
    page = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    place = [head.strip() for head in page[0]].index(column[0])
    assert [row[place].strip() for row in page] == column
