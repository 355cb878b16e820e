"""Finds the agents that a file or a module holds, and loads them again when its code changed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from ..agent import Agent
from ..errors import ConfigError


class LoadError(ConfigError):
    """The agent's code could not be imported; `file` and `line` say where."""

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.file, self.line = file, line


class Source:
    """`file.py:name`, `module:name`, or either without a name for all agents in it; None: the demo.

    The agents' own modules are those that lie in the folder of the file, or in the package of the
    module; they are imported anew by each `load`, so that live calls keep the code they began with.
    """

    def __init__(self, target: str | None) -> None:
        self._path, _, self._name = (target or "").partition(":")
        self._folder: Path | None = None
        self._imported: set[Path] = set()
        self._loads = 0
        if self._path.endswith(".py"):
            self._folder = Path(self._path).resolve().parent

    @property
    def files(self) -> set[Path]:
        """The own modules' files and those beside them: when they change, `load` again."""
        return self._imported | set(self._folder.glob("*.py") if self._folder else ())

    def load(self) -> dict[str, Agent]:
        """The agents by their names in the code. LoadError; then the modules are as before."""
        if not self._path:
            from .. import demo

            return {"demo": demo.agent}
        before = {name: sys.modules.pop(name) for name in list(self._own())}
        importlib.invalidate_caches()
        try:
            found = self._agents(self._import())
        except LoadError as error:
            self._imported |= self._own_files() | ({Path(error.file)} if error.file else set())
            for name in list(self._own()):
                del sys.modules[name]
            sys.modules.update(before)
            raise
        self._imported = self._own_files()
        return found

    def _agents(self, module: ModuleType) -> dict[str, Agent]:
        found = {key: value for key, value in vars(module).items() if isinstance(value, Agent)}
        if self._name:
            if self._name not in found:
                known = ", ".join(found) or "none"
                raise LoadError(
                    f"{self._path} has no agent called {self._name!r}; it has: {known}."
                )
            return {self._name: found[self._name]}
        if not found:
            raise LoadError(f"{self._path} holds no Agent; write `agent = Agent(…)` in it.")
        return found

    def _import(self) -> ModuleType:
        try:
            return self._from_file() if self._path.endswith(".py") else self._from_module()
        except LoadError:
            raise
        except (Exception, SystemExit) as error:
            file, line = self._where(error)
            place = f"{file}:{line}: " if file else ""
            raise LoadError(f"{place}{type(error).__name__}: {error}", file, line) from error

    def _from_file(self) -> ModuleType:
        file = Path(self._path).resolve()
        if not file.is_file():
            raise LoadError(f"There is no file {self._path}.")
        _searched(file.parent)
        self._loads += 1
        spec = importlib.util.spec_from_file_location(f"talkover_agent_{self._loads}", file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        # Read afresh: a cached compilation can be as old as the second it was made in.
        exec(compile(file.read_bytes(), str(file), "exec"), vars(module))
        return module

    def _from_module(self) -> ModuleType:
        _searched(Path.cwd())
        top = self._path.partition(".")[0]
        try:
            module = importlib.import_module(self._path)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{self._path}.".startswith(f"{error.name}."):
                raise
            raise LoadError(
                f"There is no module {error.name}; give file.py:agent, or a module that can be "
                "imported from here."
            ) from None
        file = sys.modules[top].__file__
        self._folder = Path(file).resolve().parent if file else None
        return module

    def _own(self) -> Iterator[str]:
        """Names of the modules that are the agents' own."""
        for name, module in sys.modules.items():
            file = _file_of(module)
            if file is None or self._folder is None or name == "__main__":
                continue
            ours = name.partition(".")[0] == __name__.partition(".")[0]
            if not ours and file.is_relative_to(self._folder) and not _installed(file):
                yield name

    def _own_files(self) -> set[Path]:
        return {file for name in self._own() if (file := _file_of(sys.modules[name]))}

    def _where(self, error: BaseException) -> tuple[str | None, int | None]:
        if isinstance(error, SyntaxError) and error.filename:
            return error.filename, error.lineno
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if self._folder and Path(f.filename).is_relative_to(self._folder)]
        return (own[-1].filename, own[-1].lineno) if own else (None, None)


def _searched(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _file_of(module: ModuleType) -> Path | None:
    # Not everything in sys.modules is a module with a file.
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if isinstance(file, str) else None


def _installed(file: Path) -> bool:
    prefixes = (Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
    return "site-packages" in file.parts or any(file.is_relative_to(p) for p in prefixes)
