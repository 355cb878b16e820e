"""One flag for each setting, made from the settings themselves."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Annotated, Any, get_args

import typer

from ..config import TURN, Settings
from ..errors import ConfigError

Flags = dict[str, Any]
"""By the setting's name; None: not given."""


def with_flags(command: Callable[[Flags], None]) -> Callable[..., None]:
    """A command that has every setting as an option, and gets those given."""

    def run(**given: Any) -> None:
        turn: list[str] | None = given.pop("turn")
        command({**given, **_turn(turn or [])})

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(list(map(_parameter, Settings.model_fields)))  # pyright: ignore[reportFunctionMemberAccess]  what a function may have, and typer reads
    return run


def _parameter(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    about: Any = typer.Option(help=field.description, show_default=False)
    kind: Any = next(
        (t for t in get_args(field.annotation) if t is not types.NoneType), field.annotation
    )
    if name == "agent":
        about = typer.Argument(help=field.description, show_default=False)
    elif name == "turn":
        about = typer.Option(help=field.description, metavar="NAME=N", show_default=False)
        kind = list[str]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, about]
    )


def _turn(given: list[str]) -> Flags:
    flags: Flags = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"--turn {one}: write a turn setting as in --turn {TURN[1][5:]}=500.")
        flags[f"turn.{name}"] = value
    return flags
