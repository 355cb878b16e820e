"""Tools that run only after the user agreed: what was asked, and whether it was answered. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import TalkoverError
from ..protocol.items import Item

EXPIRES_S = 120.0
"""An answer that comes later is to nothing that anybody remembers."""
MOST = 16
"""Questions that wait for an answer; the oldest is forgotten."""
REFUSALS = frozenset((
    "no", "nope", "nah", "don't", "dont", "never", "cancel", "stop", "wait", "not",
    "nein", "nicht", "non", "nee", "não", "nej", "nie",
))  # fmt: skip
"""Words with which nobody begins to agree; one who does ("no problem") is only asked again."""


class NotAgreed(TalkoverError):
    """The user has to be asked first; the message tells the model so."""

    code = "confirmation_needed"


@dataclass(frozen=True, slots=True)
class Asked:
    """At `at` (seconds), when `after` was the conversation's last item."""

    at: float
    after: str | None


class Consent:
    """Belongs to one session.

    The first call of such a tool is refused, and the model told to ask. The second, with exactly
    the same arguments, runs if between the two the agent was heard and the user answered: only the
    model can tell a yes from a no in every language, and it cannot say the yes itself. One yes is
    for one call.
    """

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}

    def require(
        self, name: str, arguments: Mapping[str, Any], items: list[Item], now: float
    ) -> None:
        """NotAgreed unless the user was asked and answered; `items` are the whole conversation."""
        key = f"{name} {json.dumps(dict(arguments), sort_keys=True)}"
        asked = self._asked.pop(key, None)
        if asked is not None and now - asked.at <= EXPIRES_S and _answered(items, asked.after):
            return
        while len(self._asked) >= MOST:
            del self._asked[next(iter(self._asked))]
        self._asked[key] = Asked(now, items[-1].id if items else None)
        shown = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
        raise NotAgreed(
            f"Not done: the user has to agree to it first. Ask them now whether you should do "
            f"exactly this: {name}({shown}). If they say yes, call {name} again with the same "
            "arguments. If they do not, do not call it."
        )


def _answered(items: list[Item], after: str | None) -> bool:
    """Whether the agent was heard after that item, and then the user, who did not refuse."""
    ids = [item.id for item in items]
    if after is not None and after not in ids:
        return False
    since = items[0 if after is None else ids.index(after) + 1 :]
    spoken = [item for item in since if item.type == "message" and item.text]
    asked = next((n for n, item in enumerate(spoken) if item.role == "assistant"), None)
    if asked is None:
        return False
    answers = [item.text for item in spoken[asked:] if item.role == "user"]
    return bool(answers) and not _refuses(answers[-1])


def _refuses(text: str) -> bool:
    words = text.lower().split()
    return bool(words) and words[0].strip(".,;:!?…\"'") in REFUSALS
