"""Threads, processes and tasks are begun in few, named places."""

from __future__ import annotations

import ast

from house.tree import MEDIA, files, modules

STARTERS = {
    "Popen", "Process", "ProcessPoolExecutor", "TaskGroup", "Thread", "ThreadPoolExecutor", "Timer",
    "create_subprocess_exec", "create_subprocess_shell", "create_task", "ensure_future", "run",
    "run_coroutine_threadsafe", "run_in_executor", "start_new_thread", "system", "to_thread",
}  # fmt: skip
RUNNERS = {"asyncio", "subprocess"}
"""`run` of these two starts something; other things called `run` are ordinary."""

PLACES: dict[str, set[str]] = {
    # The process: its one loop, its HTTP server, openssl for a certificate.
    "cli.main": {"asyncio.run"},
    "cli.serve": {"asyncio.run", "create_task"},
    "cli.certificate": {"subprocess.run"},
    # A caller over TCP connects, which waits.
    "cli.caller": {"to_thread"},
    # Beside the conversation its caller looks after the leg.
    "cli.staying": {"create_task"},
    # A WebSocket's two directions, and a request's on the way to another server.
    "gateway.converse": {"create_task"},
    "gateway.elsewhere": {"create_task"},
    # A call: its agent's code, its words, its one live reply and that reply's two halves.
    "session.lobby": {"create_task"},
    "session.session": {"create_task"},
    # A caller who waited claims its session.
    "session.waiting": {"create_task"},
    "session.ear": {"create_task"},
    # The disk, which may wait: one thread for all recordings.
    "session.recorder": {"ThreadPoolExecutor"},
    "session.reply": {"TaskGroup", "create_task"},
    # The log of sessions: one thread has the file, and its end is waited for.
    # The same in NATS: what it tells, who lives, and each session's writes.
    "cluster.nats": {"create_task", "ensure_future"},
    # What a server tells the others, and whoever of them reached it.
    "cluster.nats_link": {"ensure_future"},
    "cluster.nats_secrets": {"ensure_future"},
    "cluster.writer": {"create_task"},
    # The disk of what NATS has not taken yet.
    "cluster.spool": {"create_task", "to_thread"},
    "cluster.sqlite": {"Thread", "to_thread"},
    # A picture to be shown that is no WebP yet, which takes Pillow a while.
    "session.video": {"to_thread"},
    # Agents' plain functions, which may wait; a turn's tools, while something is said of them.
    "plain": {"Thread"},
    "tool": {"run_in_executor"},
    "session.brain": {"create_task"},
    # Engines bound by the CPU: one child process each, and in the voice's child a reader.
    "engines.worker": {"create_subprocess_exec", "create_task"},
    "engines.demo.voice_worker": {"Thread"},
    # Further ones are started while calls go on.
    "engines.pool": {"create_task"},
    # A benchmark's servers, its networks' connections, and its clients' questions and microphones.
    "cli.bench": {"asyncio.run"},
    "transports.cell": {"asyncio.run", "create_task"},
    "transports.cells": {"TaskGroup", "create_task", "create_subprocess_exec"},
    "transports.child": {"create_subprocess_exec"},
    "transports.server": {"asyncio.run"},
    "transports.tcp_relay": {"TaskGroup", "create_task"},
    "transports.rest": {"create_task"},
    "transports.websocket": {"create_task"},
    "transports.webrtc": {"to_thread"},
    # The sound on its way to a provider, and what it says.
    "engines.remote.uplink": {"create_task"},
    "engines.remote.deepgram": {"TaskGroup", "create_task"},
    # A local model's process, started again; the readers in such, by which work is stopped.
    "engines.local.jobs": {"create_task"},
    "engines.local.inbox": {"Thread"},
    "engines.local.sherpa_worker": {"Thread"},
    # In tests with virtual time, agents' plain functions, one at a time.
    "testing.loop": {"Thread"},
    # The demo's timers.
    "demo": {"create_task"},
}
"""Module → what it begins there. A new place needs a line and a reason."""


def test_python_begins_tasks_only_in_these_places() -> None:
    found = {name: begun for name, tree in modules().items() if (begun := _begun(tree))}
    assert found == PLACES


def test_the_media_driver_alone_begins_a_thread_in_rust() -> None:
    begin = {
        file.relative_to(MEDIA).parts[0].removesuffix(".rs")
        for file in files(".rs")
        if file.is_relative_to(MEDIA.parents[1])
        and any(word in file.read_text() for word in ("thread::spawn", "thread::Builder"))
    }
    assert begin == {"driver"}


def _begun(tree: ast.Module) -> set[str]:
    begun: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in STARTERS - {"run"}:
                begun.add(name)
            case ast.Attribute(attr="run", value=ast.Name(id=owner)):
                if owner in RUNNERS:
                    begun.add(f"{owner}.run")
            case ast.Attribute(attr=name) if name in STARTERS - {"run"}:
                begun.add(name)
            case _:
                pass
    return begun
