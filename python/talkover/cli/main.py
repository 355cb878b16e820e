"""The commands. Each takes its settings from flag, environment and talkover.toml."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..config import FILE, load
from ..errors import InputError, TalkoverError
from . import bench, models, recordings, sessions
from .flags import Flags, with_flags

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The AI you can talk over.",
    pretty_exceptions_enable=False,
)
app.add_typer(recordings.app, name="recordings")
app.add_typer(sessions.app, name="sessions")
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"talkover {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print it and exit")
    ] = False,
) -> None:
    """The AI you can talk over."""


@app.command()
@with_flags
def serve(flags: Flags) -> None:
    """Serve an agent; without one, the embedded demo.

    Each option is also a variable (TALKOVER_MEDIA_PORT, TALKOVER_TURN__SILENCE_MS) and a key of
    talkover.toml.
    """
    from . import run, serve
    from .load import Source

    loaded = load(flags)
    run.claim()
    source = Source(loaded.settings.agent)
    serve.run(loaded, source, source.load())


@app.command()
def call(
    url: Annotated[str, typer.Argument()] = "http://127.0.0.1:8080",
    play: Annotated[Path | None, typer.Option(help="a WAV file to say")] = None,
    record: Annotated[Path | None, typer.Option(help="where the answer goes, as WAV")] = None,
    text: Annotated[str | None, typer.Option(help="ask in writing")] = None,
    script: Annotated[Path | None, typer.Option(help="a talk.toml with steps")] = None,
    junit: Annotated[Path | None, typer.Option(help="where the script's outcome goes")] = None,
    calls: Annotated[int, typer.Option(help="many at once, as percentiles", min=1)] = 1,
    agent: Annotated[str | None, typer.Option(help="which of the server's agents")] = None,
    token: Annotated[str | None, typer.Option(help="the server's key or a client secret")] = None,
    tcp: Annotated[bool, typer.Option(help="media over TCP")] = False,
    video: Annotated[Path | None, typer.Option(help="a WebP that its camera shows")] = None,
    insecure: Annotated[bool, typer.Option(help="accept any certificate")] = False,
    seconds: Annotated[float, typer.Option(help="the longest wait for an answer")] = 60.0,
) -> None:
    """Call a Realtime server over WebRTC and print the dialogue.

    With --play, --text or --script the call ends after the answer; otherwise it is held with
    microphone and speaker until Ctrl-C.
    """
    from .call import Line, held, one, scripted
    from .many import many

    line = Line(url, token=token, tcp=tcp, agent=agent, insecure=insecure, video=video)
    _refuse_together(play=play, text=text, script=script)
    if junit is not None and script is None:
        raise InputError("--junit tells how a --script went; give one.")
    if calls > 1:
        _refuse_together(calls=calls, record=record, script=script)
        asked = text or (None if play else "What time is it?")
        job = many(line, calls, text=asked, play=play, seconds=seconds)
    elif script is not None:
        job = scripted(line, script, junit, record)
    elif play is not None or text is not None:
        job = one(line, play=play, record=record, text=text, seconds=seconds)
    else:
        job = held(line, record)
    failed = asyncio.run(job)
    raise typer.Exit(1 if failed else 0)


@app.command()
def doctor(
    url: Annotated[str | None, typer.Argument(help="a server that runs; else this machine")] = None,
    token: Annotated[str | None, typer.Option(help="the server's key or a client secret")] = None,
    insecure: Annotated[bool, typer.Option(help="accept any certificate")] = False,
) -> None:
    """Say why a call cannot be.

    With a URL by calling it over UDP and TCP; else by looking at the settings (environment and
    talkover.toml) and at this machine. The exit code is 1 where there is a trouble.
    """
    from .doctor import before, calling, examine

    found = before(load({}).settings) if url is None else calling(url, token, insecure=insecure)
    raise typer.Exit(0 if asyncio.run(examine(found)) else 1)


@app.command()
def audit(
    targets: Annotated[list[str], typer.Argument(help="URLs (http, ws) and folders")],
    token: Annotated[
        str | None,
        typer.Option(envvar="TALKOVER_AUDIT_TOKEN", help="the key of a URL's server, as a bearer"),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:VALUE", help="to a URL's server; a value may be env:VARIABLE"),
    ] = None,
    model: Annotated[str | None, typer.Option(help="measure this one, OpenAI-compatible")] = None,
    data: Annotated[str | None, typer.Option(help="what to post: text, or @FILE")] = None,
    kind: Annotated[
        str | None, typer.Option("--as", help="http, websocket, webrtc, model; else by its looks")
    ] = None,
    seconds: Annotated[float, typer.Option(help="the longest for each URL", min=1)] = 60.0,
    insecure: Annotated[bool, typer.Option(help="accept any certificate")] = False,
    page: Annotated[Path | None, typer.Option("--html", help="write it as a page, too")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, not Markdown")] = False,
) -> None:
    """Say what of an existing backend breaks real-time voice, what it costs, and what to change.

    The exit code is 1 where something is severe, 2 where a target is none. Only the addresses that
    are given are contacted; nothing of a folder is run.
    """
    from ..audit.page.data import data as as_data
    from ..audit.page.html import html
    from ..audit.page.markdown import markdown
    from .audit import Asked, audited, keep, kind_named

    asked = Asked(seconds, token, header or [], model, kind_named(kind), data, insecure)
    reports = asyncio.run(audited(targets, asked))
    if page is not None:
        keep(page, html(reports))
    typer.echo(as_data(reports) if as_json else markdown(reports), nl=False)
    raise typer.Exit(1 if any(report.severe for report in reports) else 0)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="a .talkover file, or what a crash left of one")],
    set: Annotated[
        list[str] | None,
        typer.Option(help="what would another turn setting change", metavar="turn.NAME=N"),
    ] = None,
    turn: Annotated[int | None, typer.Option(help="only this one, by its number")] = None,
    as_test: Annotated[bool, typer.Option(help="print the turn as a test for pytest")] = False,
) -> None:
    """Run a recorded call's decisions again, and tell each with its reason.

    The exit code is 1 where they come out otherwise than they were recorded.
    """
    from .replay import show, test_of

    if as_test:
        typer.echo(test_of(file, turn), nl=False)
    elif show(file, turn, set or []):
        raise typer.Exit(1)


@app.command()
@with_flags
def config(flags: Flags) -> None:
    """Print each effective setting and where it comes from; options count as for serve."""
    loaded = load(flags)
    for line in loaded.lines():
        typer.echo(line)
    for warning in loaded.warnings:
        typer.echo(f"talkover: {warning}", err=True)


@app.command()
@with_flags
def engines(flags: Flags) -> None:
    """Print which engines would be used, whether they can be reached, and all that are known."""
    from ..engines.registry import build, known
    from .announce import lines_of
    from .serve import choice

    built = build(choice(load(flags).settings))

    async def warm() -> list[str]:
        troubles = await built.warm()
        await built.close()
        return [trouble.message for trouble in troubles]

    troubles = asyncio.run(warm())
    for info in built.infos:
        for line in lines_of(info):
            typer.echo(line)
        if info.abilities:
            typer.echo(f"     {'; '.join(info.abilities)}")
    for trouble in troubles:
        typer.echo(f"!    {trouble}", err=True)
    typer.echo("")
    for provider in known():
        does = ", ".join(provider.roles)
        state = provider.trouble or f"{provider.note} ({does}; from {provider.origin})"
        typer.echo(f"{provider.name:12} {state}")
    raise typer.Exit(1 if troubles else 0)


@app.command()
def init(folder: Annotated[Path, typer.Argument()] = Path()) -> None:
    """Write an agent, its test and a talkover.toml to begin with."""
    from .template import AGENT, CONFIG, TEST

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("agent.py", AGENT), ("test_agent.py", TEST), (FILE, CONFIG)):
        file = folder / name
        if file.exists():
            typer.echo(f"{file} is there already; left as it is.")
            continue
        file.write_text(text)
        typer.echo(f"wrote {file}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    typer.echo(f"Now: {there}talkover serve")


def _refuse_together(**options: object) -> None:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} do not go together.")


def guarded(command: Callable[[], object]) -> None:
    """Run; an error made by the user is one line and exit code 2, not a traceback."""
    try:
        command()
    except TalkoverError as error:
        print(f"talkover: {error.message}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def main() -> None:
    """The `talkover` command."""
    guarded(app)


if __name__ == "__main__":
    main()
