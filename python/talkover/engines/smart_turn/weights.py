"""Where the model's file lies. It is no part of Talkover, and nothing is downloaded unasked."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ...errors import EngineError
from ..local import weights

IN_PIPECAT = "audio/turn/smart_turn/data"
HOW = (
    "talkover models pull smart-turn-v3.2, or pip install --no-deps pipecat-ai, which carries it, "
    "or set smart_turn to the file's path"
)


def find(path: str | None) -> Path:
    """The file at `path`, else the one that was pulled, else the one in an installed pipecat-ai,
    which is not imported.

    EngineError says how to get one.
    """
    if path is not None:
        file = Path(path).expanduser()
        if not file.is_file():
            raise EngineError(f"The end-of-turn model {path} is no file: {HOW}.")
        return file
    try:
        return next(weights.find("smart-turn", None).glob("*.onnx"))
    except EngineError:
        pass
    spec = importlib.util.find_spec("pipecat")
    for package in (spec and spec.submodule_search_locations) or ():
        files = sorted(Path(package, IN_PIPECAT).glob("smart-turn*.onnx"))
        if files:
            return files[-1]
    raise EngineError(f"There is no end-of-turn model: {HOW}.")
