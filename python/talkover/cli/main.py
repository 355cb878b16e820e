"""The commands. Each takes its settings from flag, environment and talkover.toml."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ..config import FILE, Loaded, load
from ..errors import TalkoverError
from .load import load_agents
from .template import AGENT, CONFIG, TEST

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The AI you can talk over.")

Text = Annotated[str | None, typer.Option()]
Number = Annotated[int | None, typer.Option()]
Switch = Annotated[bool, typer.Option()]


@app.command()
def serve(
    agent: Annotated[str | None, typer.Argument(help="file.py:agent or module:agent")] = None,
    host: Text = None,
    port: Number = None,
    media_host: Text = None,
    media_port: Number = None,
    public_ip: Text = None,
    key: Text = None,
    llm: Text = None,
    model: Text = None,
    api_key: Text = None,
    stt: Text = None,
    stt_model: Text = None,
    tts: Text = None,
    tts_model: Text = None,
    voice: Text = None,
    openai: Switch = False,
    tls: Switch = False,
    reload: Switch = False,
    most_calls: Number = None,
) -> None:
    """Serve an agent; without one, the embedded demo."""
    from . import serve as server

    flags = {k: v for k, v in locals().items() if k not in ("agent", "server")}
    server.serving = True
    settings = load(flags).settings
    asyncio.run(server.serve(settings, load_agents(agent), agent))


@app.command()
def call(
    url: Annotated[str, typer.Argument()] = "http://127.0.0.1:8080",
    play: Annotated[Path | None, typer.Option(help="a WAV file to say")] = None,
    record: Annotated[Path | None, typer.Option(help="where the answer goes")] = None,
    text: Annotated[str | None, typer.Option(help="ask in writing")] = None,
    script: Annotated[Path | None, typer.Option(help="a talk.toml with steps")] = None,
    junit: Annotated[Path | None, typer.Option(help="the script's outcome")] = None,
    calls: Annotated[int, typer.Option(help="many at once, as percentiles")] = 1,
    agent: Text = None,
    token: Text = None,
    tcp: Switch = False,
    seconds: Annotated[float, typer.Option(help="the longest wait for an answer")] = 60.0,
) -> None:
    """Call a Realtime server over WebRTC and print the dialogue."""
    from .call import many, one, scripted
    from .script import read_script, report

    if calls > 1:
        asked = text or "What time is it?"
        failed = asyncio.run(many(url, calls, text=asked, token=token, seconds=seconds))
        raise typer.Exit(1 if failed else 0)
    if script is not None:
        steps = read_script(script)
        outcomes = asyncio.run(scripted(url, steps, token=token, tcp=tcp, agent=agent))
        if junit is not None:
            junit.write_text(report(outcomes))
        raise typer.Exit(1 if any(outcome.failure for outcome in outcomes) else 0)
    asyncio.run(
        one(url, play=play, record=record, text=text, tcp=tcp,
            token=token, agent=agent, seconds=seconds)
    )  # fmt: skip


@app.command()
def config() -> None:
    """Print each effective setting and where it comes from."""
    loaded: Loaded = load({})
    for line in loaded.lines():
        typer.echo(line)


@app.command()
def engines() -> None:
    """Print which engines would be used, and whether they can be reached."""
    from ..engines.registry import build
    from .serve import choice

    built = build(choice(load({}).settings))

    async def warm() -> list[str]:
        troubles = await built.warm()
        await built.close()
        return [trouble.message for trouble in troubles]

    troubles = asyncio.run(warm())
    for info in built.infos:
        kind = "scripted demo" if info.demo else "real"
        typer.echo(f"{info.role}  {info.name} ({kind}), {info.where}  {info.note}")
    for trouble in troubles:
        typer.echo(f"!    {trouble}", err=True)
    raise typer.Exit(1 if troubles else 0)


@app.command()
def init(folder: Annotated[Path, typer.Argument()] = Path()) -> None:
    """Write an agent, its test and a talkover.toml to begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("agent.py", AGENT), ("test_agent.py", TEST), (FILE, CONFIG)):
        file = folder / name
        if file.exists():
            typer.echo(f"{file} is there already; left as it is.")
            continue
        file.write_text(text)
        typer.echo(f"wrote {file}")
    typer.echo(f"Now: talkover serve {folder / 'agent.py'}")


def main() -> None:
    """Run; an error made by the user is one line, not a traceback."""
    try:
        app()
    except TalkoverError as error:
        typer.echo(f"talkover: {error.message}", err=True)
        raise SystemExit(2) from None
