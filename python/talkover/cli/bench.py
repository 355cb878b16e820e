"""`talkover bench`: measure, on this machine, what is claimed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Measure on this machine what is claimed.")


@app.command()
def transports(
    quick: Annotated[bool, typer.Option("--quick", help="fewer networks and turns")] = False,
    transport: Annotated[list[str] | None, typer.Option(help="only this one; again")] = None,
    network: Annotated[list[str] | None, typer.Option(help="only this one; again")] = None,
    engines: Annotated[
        list[str] | None, typer.Option(help="zero or gpt-4o-mini's latency; again")
    ] = None,
    questions: Annotated[int | None, typer.Option(help="of each conversation", min=1)] = None,
    interruptions: Annotated[int | None, typer.Option(help="answers cut off", min=0)] = None,
    longs: Annotated[int | None, typer.Option(help="long questions", min=0)] = None,
    jobs: Annotated[int, typer.Option(help="conversations at once, two cores each")] = 1,
    seed: Annotated[int, typer.Option(help="of the networks' and the engines' dice")] = 1,
    out: Annotated[Path, typer.Option(help="the folder for JSON and HTML")] = Path("bench-out"),
) -> None:
    """Hold one scripted conversation over REST, WebSocket and WebRTC, and measure what is heard.

    Everything is real but the engines and the network: servers, sockets and clients are, and each
    conversation takes as long as one does. Keep the machine quiet meanwhile.
    """
    from dataclasses import replace

    from ..transports.run import QUICK, Plan, measure, write
    from ..transports.table import lines

    plan = Plan(seed=seed, jobs=jobs)
    if quick:
        plan = replace(
            plan, networks=QUICK, latencies=("zero",), questions=2, interruptions=1, longs=1
        )
    plan = replace(
        plan,
        transports=transport or plan.transports,
        networks=network or plan.networks,
        latencies=engines or plan.latencies,
        questions=plan.questions if questions is None else questions,
        interruptions=plan.interruptions if interruptions is None else interruptions,
        longs=plan.longs if longs is None else longs,
    )
    plan.check()
    count = 0
    whole = len(plan.cells(""))

    def say(what: str) -> None:
        nonlocal count
        count += 1
        typer.echo(f"[{count}/{whole}] {what}", err=True)

    found = asyncio.run(measure(plan, say))
    for line in lines(found["summary"]):
        typer.echo(line)
    for file in write(found, out):
        typer.echo(f"wrote {file}")
