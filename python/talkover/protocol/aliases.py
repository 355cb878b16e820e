"""Names of OpenAI's that clients send by default, wherever they are pointed: mapped, not refused.

A model's name chooses nothing here, and neither does a transcriber's: the server's settings say
which engines answer, so each such name stands for them and is shown to the client as it was sent.
A voice's name stands for the configured voice, unless the engine has voices of these names.
"""

from __future__ import annotations

VOICES = frozenset((
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
))  # fmt: skip


def voice(asked: str, *, engine_has_them: bool) -> str | None:
    """The voice to ask the engine for; None: the configured one."""
    if asked == "default" or (asked in VOICES and not engine_has_them):
        return None
    return asked
