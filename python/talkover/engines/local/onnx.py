"""A network in a worker process, with a run that can be stopped from another thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  it has none
from numpy.typing import NDArray


class Stopped(Exception):
    """The run was stopped; nobody wants its result."""


class Network:
    """`inputs`: name → type ("tensor(int64)"). ValueError where `needs` are not among them."""

    def __init__(self, file: Path, needs: tuple[str, ...]) -> None:
        runtime: Any = onnxruntime
        self._runtime = runtime
        options = runtime.SessionOptions()
        # One clause at a time is made, as fast as half of this machine can; the rest is the calls'.
        options.intra_op_num_threads = max(1, len(os.sched_getaffinity(0)) // 2)
        options.inter_op_num_threads = 1
        # The threads must not spin between two clauses.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
        self.inputs: dict[str, str] = {one.name: one.type for one in self._session.get_inputs()}
        if lacks := set(needs) - set(self.inputs):
            raise ValueError(
                f"{file.name} takes {', '.join(self.inputs)}, not {', '.join(sorted(lacks))}"
            )
        self.begin()

    def begin(self) -> None:
        """A run that can be stopped from now on."""
        self._options: Any = self._runtime.RunOptions()
        self._options.log_severity_level = 4  # being stopped is no error

    def run(self, feed: dict[str, Any]) -> NDArray[np.float32]:
        """Its first output. Stopped."""
        try:
            return self._session.run(None, feed, self._options)[0]
        except Exception:
            if self._options.terminate:
                raise Stopped from None
            raise

    def stop(self) -> None:
        """From another thread: end the run that was begun, at the network's next operation."""
        self._options.terminate = True
