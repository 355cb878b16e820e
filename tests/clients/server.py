"""The server that the clients are tried against: the real one, with engines that know their part.

Whoever types is answered by what was typed; whoever speaks has asked for the weather.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any

from wire.frames import WRONG, install

from talkover import Agent
from talkover.cli import serve as serving
from talkover.config import Settings
from talkover.engines.base import EngineInfo, Words
from talkover.engines.registry import Engines
from talkover.protocol.live.settings import DELEGATE
from talkover.session import lobby
from talkover.testing.engines import Answer, Call, ScriptedLlm, SteadyVoice

KEY = "sk-clients"
SPOKEN = "what is the weather"
LINE = "Once there was a lighthouse keeper who talked to ships every single evening. "
STORY = LINE * 6


class Oracle:
    """Hears the same question in every voice."""

    def __init__(self) -> None:
        self.info = EngineInfo("oracle", "stt", demo=True)

    async def warm(self) -> None: ...
    async def close(self) -> None: ...

    def open(self, language: str, on_words: Callable[[Words], None]) -> OracleStream:
        return OracleStream()


class OracleStream:
    def feed(self, pcm: bytes) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...

    async def finish(self) -> Words:
        return Words(SPOKEN, final=True, complete=True)


def answer(messages: list[dict[str, Any]]) -> Answer:
    said = [message["content"] for message in messages if message["role"] == "user"]
    last = said[-1] if said else ""
    if not isinstance(last, str):
        shown = [part["type"] for part in last]
        return "I see a picture." if "image_url" in shown else "I see nothing."
    if "use the tool" in last:
        return (Call("get_weather", {"city": "Paris"}), "The tool says {result}.")
    if "ask the application" in last:
        return (Call(DELEGATE, {}), "The application says {result}.")
    if "history" in last:
        return f"I know {' / '.join(map(str, said))}."
    if "lighthouse" in last:
        return LINE
    if "story" in last:
        return STORY
    return f"You said {last}."


async def main() -> None:
    install(lambda wrong: print(WRONG, wrong, file=sys.stderr, flush=True))
    lobby.build = lambda *_: Engines(Oracle(), ScriptedLlm(answer, first=0.05), SteadyVoice())
    lobby.fallback_voice = SteadyVoice
    settings = Settings(port=0, media_port=0, key=KEY, tls="--tls" in sys.argv, drain_seconds=0)
    with contextlib.suppress(asyncio.CancelledError):
        # As the agent that is served where none is given.
        agent = Agent("You are a test.", client_may=("voice", "instructions", "tools"))
        await serving.serve(settings, {"agent": agent})


if __name__ == "__main__":
    asyncio.run(main())
