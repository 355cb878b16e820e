"""The packages that an engine needs and the base install has not."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import EngineError


def needed(who: str, extra: str, *packages: str) -> None:
    """EngineError for a package that is not installed; `who` needs it, and `extra` brings it."""
    for package in packages:
        if find_spec(package) is None:
            raise EngineError(
                f'{who} needs {package}: pip install "talkover[{extra}]".', code="not_installed"
            )
