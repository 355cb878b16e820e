"""An interpreter, who speaks while the user speaks: no turns at all.

pip install openai
LLM_URL=http://localhost:11434/v1 MODEL=llama3.2 talkover serve examples/interpreter.py
"""

import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from openai import AsyncOpenAI

from talkover import Agent, Session

MODEL = os.environ.get("MODEL", "llama3.2")
client = AsyncOpenAI(
    base_url=os.environ.get("LLM_URL", "http://localhost:11434/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
agent = Agent(greeting="Je vous écoute. Please speak English.", language="en")
CHUNK = 5
"""Words that are enough to begin with; fewer are quicker and worse."""


@dataclass
class Heard:
    """What may be translated: words that two hearings in a row agree on."""

    before: list[str] = field(default_factory=list)
    told: int = 0

    def take(self, text: str, final: bool) -> str:
        """The next words to translate, or none yet."""
        words = text.split()
        sure = len(words) if final else agreed(self.before, words)
        self.before = words
        if sure - self.told < (1 if final else CHUNK):
            return ""
        chunk, self.told = words[self.told : sure], sure
        return " ".join(chunk)


def agreed(before: list[str], now: list[str]) -> int:
    same = [a == b for a, b in zip(before, now, strict=False)]
    return same.index(False) if False in same else len(same)


async def translated(text: str) -> str:
    prompt = "Translate into French. Answer with the translation alone; it may be a fragment."
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": prompt}, {"role": "user", "content": text}],
    )
    return answer.choices[0].message.content or ""


@agent.live
async def interpret(session: Session) -> AsyncGenerator[str]:
    """What the user says interrupts nothing: they talk, and the translation follows."""
    heard = Heard()
    async for words in session.words():
        if chunk := heard.take(words.text, words.final):
            yield await translated(chunk) + " "
        if words.final:
            heard = Heard()
