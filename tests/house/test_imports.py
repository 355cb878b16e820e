"""Imports run one way: cli, gateway, observe, session, then what a session is made of."""

from __future__ import annotations

import graphlib

import pytest
from house.tree import imports, modules

MAY_IMPORT: dict[str, set[str]] = {
    "cli": {
        "audit", "gateway", "observe", "cluster", "protocol.facts",
        "session.limits", "session.lobby", "session.recorder",
        "engines.base", "engines.registry", "engines.local", "media", "bundle", "turn", "demo",
        "agent", "config", "errors", "__init__",
    },
    # Makes the offers of a call; a spoken one is handed to it.
    "audit": {"media", "errors"},
    "gateway": {
        "observe", "session", "cluster.base", "cluster.bus", "cluster.secrets",
        "media", "protocol", "errors", "__init__",
    },
    # Reads what sessions say; they know nothing of it.
    "observe": {
        "session.account", "session.lobby", "session.past", "session.returning", "session.session",
        "session.steering", "session.stream", "cluster.base", "cluster.bus", "protocol", "errors",
        "__init__",
    },
    # The lobby picks the engines of a call, so it alone knows the registry (see below).
    "session": {
        "cluster.base", "cluster.nodes", "turn", "engines.base", "engines.registry",
        # An agent's own brain is waited for as an engine is.
        "engines.deadline",
        "media", "protocol", "bundle", "agent", "tool", "tool_server", "plain", "values", "errors",
    },
    "cluster": {"errors"},
    "engines": {"tool_server", "errors"},
    "media": {"_core"},
    "testing": {
        # One format of scripts, read in one place.
        "cli.script", "cli.wav",
        "session.session", "session.brain", "session.cast", "session.past", "session.stream",
        "session.turn_settings",
        "engines.base", "engines.mcp", "engines.unheard", "media", "protocol", "agent", "values",
        "errors",
    },
    # Whole servers and their clients, to be measured beside others.
    "transports": {
        "cli.serve", "session.lobby", "engines.base", "engines.demo.voice", "media",
        "testing.relay", "testing.weather", "agent", "config", "errors", "__init__",
    },
    "protocol": set(),
    "turn": set(),
    "bundle": {"turn", "errors"},
    "demo": {"agent", "errors"},
    "__init__": {"agent", "values", "errors"},
    "agent": {"tool", "tool_server", "values", "errors"},
    "tool": {"plain", "errors"},
    "tool_server": {"errors"},
    "plain": {"errors"},
    "values": {"errors"},
    "config": {"turn.policy", "errors"},
    "errors": set(),
}  # fmt: skip
"""Room → the rooms, or modules of rooms, that it knows. A new room gets a line of its own."""

UPWARDS = {
    ("agent", "cli.run"),
    ("cli.bench", "transports.run"),
    ("cli.bench", "transports.table"),
}
"""`agent.run()` starts the command line, and `talkover bench` what runs servers of it; each is
imported only then."""


def room(name: str) -> str:
    return name.split(".")[0]


def ours(name: str) -> set[str]:
    """Modules of other rooms that a module imports."""
    found = {
        target.removeprefix("talkover.") if target != "talkover" else "__init__"
        for target in imports(name)
        if target.split(".")[0] == "talkover"
    }
    return {target for target in found if room(target) != room(name)}


def allowed(target: str, rooms: set[str]) -> bool:
    return any(target == one or target.startswith(f"{one}.") for one in rooms)


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_knows_only_the_rooms_below_its_own(name: str) -> None:
    wrong = {
        target
        for target in ours(name)
        if (name, target) not in UPWARDS and not allowed(target, MAY_IMPORT[room(name)])
    }
    assert not wrong, f"talkover.{name} may not import {sorted(wrong)}"


def test_the_rooms_have_no_circle() -> None:
    graph = {one: {room(target) for target in below} for one, below in MAY_IMPORT.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_every_permission_to_import_is_used() -> None:
    """So that the table says what is, and a door that was closed stays closed."""
    used = {(room(name), target) for name in modules() for target in ours(name)}
    for one, below in MAY_IMPORT.items():
        for permitted in below:
            assert any(by == one and allowed(target, {permitted}) for by, target in used), (
                f"{one} no longer imports {permitted}; take it from the table"
            )


def test_only_the_lobby_chooses_engines() -> None:
    choosers = {name for name in modules() if "engines.registry" in ours(name)}
    assert {name for name in choosers if room(name) != "cli"} == {"session.lobby"}


def test_only_the_media_room_touches_the_native_module() -> None:
    assert {name for name in modules() if "talkover._core" in imports(name)} == {
        "media.loudness", "media.port", "media.simulation",
    }  # fmt: skip
