"""Test an agent by talking with it: overlaps, pauses and timers in virtual time.

`Talk` scripts a conversation; `conformance` checks engines.
"""

from .caller import MissedCue
from .engines import Call, ScriptedEar, ScriptedLlm, SteadyVoice
from .result import Answer, Result, ToolUse
from .talk import Talk

__all__ = [
    "Answer",
    "Call",
    "MissedCue",
    "Result",
    "ScriptedEar",
    "ScriptedLlm",
    "SteadyVoice",
    "Talk",
    "ToolUse",
]
