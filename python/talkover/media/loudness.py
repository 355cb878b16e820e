"""How loud a sound is, step by step: a turn of it is looked at while everybody waits."""

from __future__ import annotations

from .. import _core

loudness = _core.loudness
