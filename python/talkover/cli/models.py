"""`talkover models`: the weights of local engines, pulled once and kept."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..engines.local.catalogue import HUB, MODELS, Model, named
from ..engines.local.weights import folder, missing
from ..errors import InputError

if TYPE_CHECKING:
    from ..engines.local.pull import Told

app = typer.Typer(no_args_is_help=True, help="The weights of engines on this machine.")

Name = Annotated[str, typer.Argument(help="as list shows it")]


@app.command("list")
def show() -> None:
    """One line for each model that is known: engine, languages, size, state, licence."""
    for model in MODELS:
        lacks = missing(model)
        state = "pulled" if not lacks else "" if len(lacks) == len(model.files) else "in part"
        typer.echo(
            f"{model.name:22} {model.engine:11} {model.languages:>3} {_megabytes(model):>8}  "
            f"{state:8} {model.licence}"
        )
    typer.echo(f"\nThey lie in {folder()} (TALKOVER_MODELS).")


@app.command()
def pull(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="accept its licence")] = False,
    host: Annotated[
        str, typer.Option("--from", help="a mirror of the hub", envvar="HF_ENDPOINT")
    ] = HUB,
) -> None:
    """Bring a model here, or the rest of it, and check all of it."""
    # An HTTP client is much to load for the other commands.
    from ..engines.local.pull import Pull

    model = named(name)
    typer.echo(f"{model.name} ({_megabytes(model)}) of {host}/{model.repository}")
    typer.echo(f"Its licence: {model.licence}")
    if not yes and missing(model):
        if not sys.stdin.isatty():
            raise InputError(f"Accept its licence with talkover models pull {name} --yes.")
        typer.confirm("Do you accept it?", abort=True)
    with _bar() as told:
        pulling = Pull(told, host)
        home = pulling.model(model)
    for file in pulling.unchecked:
        typer.echo(f"{file}: {host} says no checksum; it is to be as it came now.", err=True)
    typer.echo(f"{model.name} is checked and lies in {home}")


@app.command()
def rm(name: Name) -> None:
    """Delete a model's files; what they must be when they are pulled again is kept."""
    home = folder() / named(name).name
    if not home.exists():
        raise InputError(f"{name} is not here; talkover models list shows what is.")
    try:
        shutil.rmtree(home)
    except OSError as error:
        raise InputError(f"{home} cannot be deleted ({error.strerror}).") from None
    typer.echo(f"deleted {home}")


def _megabytes(model: Model) -> str:
    return f"{model.size / 1e6:.0f} MB" if model.size else "? MB"


@contextmanager
def _bar() -> Generator[Told]:
    """A bar for each file, on a terminal only."""
    bars: dict[str, Any] = {}

    def told(name: str, here: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        if name not in bars:
            for bar in bars.values():
                bar.render_finish()
            bars[name] = typer.progressbar(length=total or 0, label=name, file=sys.stderr)
        bars[name].update(here - bars[name].pos)

    try:
        yield told
    finally:
        for bar in bars.values():
            bar.render_finish()
