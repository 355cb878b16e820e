"""What a local engine needs: where models lie on this machine, and what they must be.

`TALKOVER_MODELS`, else `talkover/models` in the XDG cache, has a folder for each model and
`models.lock.json`: for each model its commit, and for each file its size and SHA-256, as they were
at its first pull. The lock outlives the files, so that a later pull must bring the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...errors import ConfigError, EngineError
from .catalogue import MODELS, Model

LOCK = "models.lock.json"


def folder() -> Path:
    """Of all models; it need not be there yet."""
    if named := os.environ.get("TALKOVER_MODELS"):
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "talkover" / "models"


@dataclass(frozen=True, slots=True)
class Sum:
    size: int
    sha256: str


@dataclass(slots=True)
class Locked:
    """`revision` is what the catalogue said, `commit` what it was."""

    revision: str
    commit: str
    files: dict[str, Sum] = field(default_factory=dict[str, Sum])


def locks() -> dict[str, Locked]:
    """By the model's name. ConfigError for a file that is none."""
    file = folder() / LOCK
    try:
        kept = json.loads(file.read_text())
        return {
            name: Locked(
                one["revision"], one["commit"],
                {file: Sum(**each) for file, each in one["files"].items()},
            )
            for name, one in kept.items()
        }  # fmt: skip
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"{file} cannot be read ({error}); mend or delete it, then pull the models again."
        ) from None


def lock(name: str, locked: Locked) -> None:
    """Keep it. OSError."""
    file = folder() / LOCK
    new = file.with_suffix(".new")
    new.write_text(
        json.dumps({k: asdict(v) for k, v in {**locks(), name: locked}.items()}, indent=1)
    )
    new.replace(file)


def missing(model: Model) -> list[str]:
    """Its files that are not here as they were pulled."""
    locked = locks().get(model.name)
    sums = {} if locked is None or locked.revision != model.revision else locked.files
    return [
        file.name
        for file in model.files
        if file.name not in sums or _size(folder() / model.name / file.name) != sums[file.name].size
    ]


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def find(engine: str, wanted: str | None) -> Path:
    """The folder or file of the model that an engine is to use: a path, or a name in the catalogue
    (the engine's first, where it is None). EngineError says how to get it."""
    if wanted is not None and (os.sep in wanted or wanted.startswith((".", "~"))):
        path = Path(wanted).expanduser()
        if not path.exists():
            raise EngineError(f"The {engine} model {wanted} is not there.", code="model_missing")
        return path
    ours = [model for model in MODELS if model.engine == engine]
    for model in ours if wanted is None else [one for one in ours if one.name == wanted]:
        if not missing(model):
            return folder() / model.name
        if wanted is not None:
            raise EngineError(how(engine, [model]), code="model_missing")
    if wanted is not None:
        raise EngineError(
            f"{engine} has no model {wanted!r}; it has {', '.join(one.name for one in ours)}, and "
            "takes the path of one.",
            code="model_missing",
        )
    raise EngineError(how(engine, ours), code="model_missing")


def how(engine: str, models: Iterable[Model]) -> str:
    """The sentence that says how to get one of these."""
    names = ", or ".join(f"talkover models pull {model.name}" for model in models)
    return f"The weights of {engine} are not on this machine: {names}."


def state(engine: str) -> str:
    """What of its models is here, for lists: what to pull, where there is none."""
    ours = [model for model in MODELS if model.engine == engine]
    here = [model.name for model in ours if not missing(model)]
    return f"has {', '.join(here)}" if here else how(engine, ours[:1])
