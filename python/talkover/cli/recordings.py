"""`talkover recordings`: which calls were recorded, and deleting them."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from ..bundle.archive import Recording, recordings
from ..config import load
from ..errors import ConfigError, InputError

app = typer.Typer(no_args_is_help=True, help="The recorded calls of a folder.")

Folder = Annotated[Path | None, typer.Option(help="their folder; else as it is set for serve")]


@app.command("list")
def show(record: Folder = None) -> None:
    """One line for each: session, beginning (UTC), length, size, agent, and who called."""
    every = _found(record)
    for one in every:
        typer.echo(_line(one))
    if not every:
        typer.echo("Nothing is recorded there.", err=True)


@app.command()
def delete(
    sessions: Annotated[list[str], typer.Argument(help="as list shows them")],
    record: Folder = None,
) -> None:
    """Delete all that was recorded of these sessions: sound, words and decisions."""
    found = {one.session: one for one in _found(record)}
    for session in sessions:
        if session not in found:
            raise InputError(
                f"Nothing is recorded of {session}; talkover recordings list shows what is."
            )
        if found[session].is_live(time.time()):
            raise InputError(f"The call {session} is being recorded now; end it first.")
    for session in sessions:
        try:
            found[session].delete()
        except OSError as error:
            raise InputError(f"{session} cannot be deleted: {error}.") from None
        typer.echo(f"deleted {session}")


def _found(record: Path | None) -> list[Recording]:
    folder = record or load({}).settings.record
    if folder is None:
        raise ConfigError("Calls are not recorded anywhere; give --record FOLDER.")
    try:
        return recordings(Path(folder))
    except OSError as error:
        raise ConfigError(f"--record {folder} cannot be read ({error.strerror}).") from None


def _line(one: Recording) -> str:
    about = one.about
    if about.get("complete"):
        length = str(timedelta(seconds=round(about["seconds"])))
    else:
        length = "goes on" if one.is_live(time.time()) else "cut off"
    who = " ".join(filter(None, (about.get("agent"), about.get("user"))))
    megabytes = f"{one.bytes / 1e6:.1f} MB"
    return f"{one.session}  {one.began:%Y-%m-%d %H:%M:%S}  {length:>8}  {megabytes:>9}  {who}"
