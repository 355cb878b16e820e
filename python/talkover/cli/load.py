"""Finds the agents that a file or a module holds."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ..agent import Agent
from ..errors import ConfigError

_count = 0


class LoadError(ConfigError):
    """The agent's code could not be imported; `file` and `line` say where."""

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.file, self.line = file, line


def load_agents(target: str | None) -> dict[str, Agent]:
    """`file.py:name`, `module:name`, or either without a name for all agents in it. LoadError."""
    if target is None:
        from .. import demo

        return {"demo": demo.agent}
    path, _, name = target.partition(":")
    module = _module(path)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Agent)}
    if name:
        if name not in found:
            known = ", ".join(found) or "none"
            raise LoadError(f"{path} has no agent called {name!r}; it has: {known}.")
        return {name: found[name]}
    if not found:
        raise LoadError(f"{path} holds no Agent; write `agent = Agent(…)` in it.")
    return found


def source_of(target: str | None) -> Path | None:
    """The file to watch for a reload."""
    if target is None:
        return None
    path = Path(target.partition(":")[0])
    return path if path.suffix == ".py" else None


def _module(path: str) -> ModuleType:
    global _count
    try:
        if not path.endswith(".py"):
            sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(path)
        file = Path(path).resolve()
        if not file.is_file():
            raise LoadError(f"There is no file {path}.")
        # A name of its own each time: live calls keep the code that they began with.
        _count += 1
        spec = importlib.util.spec_from_file_location(f"talkover_agent_{_count}", file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        if str(file.parent) not in sys.path:
            sys.path.insert(0, str(file.parent))
        # Read afresh: a cached compilation can be as old as the second it was made in.
        exec(compile(file.read_bytes(), str(file), "exec"), vars(module))
        return module
    except LoadError:
        raise
    except Exception as error:
        file, line = _where(error)
        place = f"{file}:{line}: " if file else ""
        raise LoadError(f"{place}{type(error).__name__}: {error}", file, line) from error


def _where(error: Exception) -> tuple[str | None, int | None]:
    if isinstance(error, SyntaxError):
        return error.filename, error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    return (own[-1].filename, own[-1].lineno) if own else (None, None)
