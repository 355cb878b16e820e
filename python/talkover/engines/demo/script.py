"""The demo's brain: a scripted dialogue behind the model's interface. It thinks nothing."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Any

from ..base import EngineInfo, TextDelta, ToolCall, Usage
from . import numbers
from .grammar import is_counted
from .wishes import operations, wish

HELP = (
    "I am a scripted demo, not a real model. Ask me the time or the date, what is twelve times "
    "seven, to count to twenty, to set a timer for ten seconds, or to tell you a story, and talk "
    "over me whenever you like. For a real model, start me with talkover serve, dash dash L L M, "
    "and its address."
)
STORY = (
    "Once there was a lighthouse keeper who talked to ships. Every evening she lit the lamp, "
    "opened the window, and told the boats what she had seen that day. The boats could not "
    "answer, for their horns only knew one note, and so she always had the last word. One winter "
    "a small fishing boat came home late. Its captain had bought a telephone that worked at sea. "
    "When the keeper began her story, he called her, and for the first time somebody said: wait. "
    "She was so surprised that she stopped in the middle of a sentence. The captain said that he "
    "had heard the beginning every night for eleven years, and the wind had taken every ending. "
    "Would she please start from the part with the whale? She laughed, and began with the whale. "
    "He asked how big it was. She told him. He asked whether it sang. She hummed the tune. By the "
    "time the boat reached the harbour, they had told the story together, and it had become a "
    "better one. From then on the keeper left a little silence after each sentence, in case "
    "somebody wanted to speak. Some nights nobody did, and the silence belonged to the sea. Other "
    "nights three captains spoke at once, and she waited until they had sorted themselves out. "
    "The lamp still turned, the ships still came and went, and the stories grew so long that they "
    "had to be carried over to the next evening. When she was old, a child asked her what the "
    "secret of a good story was. The keeper thought about it while the light went round twice. "
    "The secret, she said, is to know the way so well that you do not mind being stopped. The "
    "end."
)
_FIXED = {
    "stop": "Okay.",
    "story": STORY,
    "help": HELP,
    "well": "Very well, for a script. Ask me: what can you do?",
    "thanks": "You are welcome.",
    "bye": "Goodbye! It was nice to talk over each other.",
    "hello": "Hello! Ask me the time, or say: tell me a story, and then interrupt me.",
}
PUZZLED = "Sorry, I did not understand that."
_HINTS = (
    "Try: what time is it, or: tell me a story.",
    "I am only a scripted demo; ask me: what can you do?",
)
NO_MORE = "That was all I had to say."
HOW_LONG = "For how long? Say, for example: ten seconds."
CUT = "[interrupted]"
"""How an answer ends in a history that was not heard to its end."""
_calls = itertools.count(1)


class ScriptedModel:
    """Answers the last user message by rule; deterministic but for the clock."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self.info = EngineInfo(
            "scripted demo",
            "llm",
            demo=True,
            languages=("en",),
            note="not a model; --llm URL connects a real one",
        )
        self._now = now

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def while_speaking(self, words: str) -> str | None:
        """Of a counted list, the number that was just said."""
        said = re.findall(r"[a-z]+", words.lower())
        if is_counted(said):
            return f"{said[-1].capitalize()}."
        return None

    async def reply(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        tool_choice: Any = "auto",
        max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage]:
        read = sum(len(str(message.get("content", "")).split()) for message in messages)
        last = messages[-1] if messages else {"role": "user", "content": ""}
        if last["role"] == "tool":
            answer = _result(str(last["content"]))
        else:
            text = _asked(messages)
            call = None if tool_choice == "none" else _call(text, tools)
            if isinstance(call, ToolCall):
                yield call
                yield Usage(read, 1)
                return
            answer = call or _rest(self._answer(text, messages), messages)
        pieces = re.findall(r"\S+\s*", answer)[: max_tokens or None]
        for piece in pieces:
            yield TextDelta(piece)
        yield Usage(read, len(pieces))

    def _answer(self, text: str, messages: list[dict[str, Any]]) -> str:
        said = text.lower().strip()
        intent = wish(said)
        if intent in _FIXED:
            return _FIXED[intent]
        match intent:
            case "time":
                return _time(self._now())
            case "date":
                now = self._now()
                return f"It is {now:%A}, {now:%B} {now.day}."
            case "sum":
                return _sum(said)
            case "count":
                return _count(said)
            case "repeat":
                return re.sub(r"^.*?(repeat after me|say)\W*", "", said).capitalize() + "."
            case "spell":
                return ", ".join(re.findall(r"[a-z]+", said)[-1].upper()) + "."
            case "on":
                return self._further(messages)
            case "again":
                return str(_before(messages).get("content") or NO_MORE).removesuffix(CUT)
            case "timer":
                return "I can only set a timer where the agent has one."
            case "counted":
                return f"You counted to {re.findall(r'[a-z]+', said)[-1]}."
            case _:
                again = PUZZLED in str(_before(messages).get("content", ""))
                return f"{PUZZLED} {_HINTS[again]}"

    def _further(self, messages: list[dict[str, Any]]) -> str:
        """From where it was interrupted last, whatever was said since."""
        told = [m["role"] == "assistant" and str(m.get("content")).endswith(CUT) for m in messages]
        if True not in told:
            return NO_MORE
        cut = len(told) - 1 - told[::-1].index(True)
        answer = self._answer(_last_user(messages[:cut]), messages[:cut])
        rest = _rest(answer, messages[: cut + 1])
        # What was cut may have been a greeting, or about a tool: then it is another answer.
        return NO_MORE if rest in ("", answer) else rest


def _before(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What the agent said last."""
    return next((one for one in reversed(messages) if one["role"] == "assistant"), dict[str, Any]())


def _asked(messages: list[dict[str, Any]]) -> str:
    """What the user wants; who was asked how long answers that."""
    text = _last_user(messages)
    open_question = HOW_LONG in str(_before(messages).get("content", ""))
    if open_question and not wish(text) and numbers.seconds(text) is not None:
        return f"set a timer for {text}"
    return text


def _rest(answer: str, messages: list[dict[str, Any]]) -> str:
    """What is left of an answer where it was cut off and nobody has said anything since."""
    said = [message for message in messages if message["role"] != "system"]
    told = str(said[-1]["content"]) if said and said[-1]["role"] == "assistant" else ""
    if not told.endswith(CUT):
        return answer
    heard = told.removesuffix(CUT).rstrip()
    heard = heard[max(0, heard.rfind(answer[:20])) :]
    return answer.removeprefix(heard).lstrip()


def _time(now: datetime) -> str:
    minute = "o'clock" if now.minute == 0 else numbers.words(now.minute)
    if 0 < now.minute < 10:
        minute = f"oh {minute}"
    half = "in the morning" if now.hour < 12 else "in the afternoon"
    return f"It is {numbers.words(now.hour % 12 or 12)} {minute} {half}."


def _sum(said: str) -> str:
    found, signs = numbers.find(said), operations(said)
    if len(found) != 2 or len(signs) != 1 or re.search(r"\d[.,]\d", said):
        return "I can only work with two whole numbers, such as twelve times seven."
    a, b = found
    if signs == ["/"]:
        if b == 0:
            return "Nothing can be divided by zero."
        whole, rest = divmod(a, b)
        tail = f", remainder {numbers.words(rest)}" if rest else ""
        result = f"divided by {numbers.words(b)} is {numbers.words(whole)}{tail}"
    else:
        name, value = {"*": ("times", a * b), "-": ("minus", a - b), "+": ("plus", a + b)}[signs[0]]
        result = f"{name} {numbers.words(b)} is {numbers.words(value)}"
    return f"{numbers.words(a).capitalize()} {result}."


def _count(said: str) -> str:
    found = numbers.find(said) or [10]
    first = found[0] if len(found) == 2 and "from" in said else 1
    last = min(found[-1], first + 99)
    return " ".join(f"{numbers.words(n).capitalize()}." for n in range(first, last + 1))


def _last_user(messages: list[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            content: Any = message["content"]
            if isinstance(content, str):
                return content
            return " ".join(str(part.get("text", "")) for part in content)
    return ""


def _result(output: str) -> str:
    return output if re.search(r"\w", output) else "Done."


def _call(text: str, tools: list[dict[str, Any]]) -> ToolCall | str | None:
    """The tool that is asked for, or a question about it."""
    said = text.lower()
    for tool in tools:
        function = tool["function"]
        name = str(function["name"])
        spoken = name.replace("_", " ")
        asked = wish(said) == "timer" if name == "set_timer" else spoken in said
        if not asked:
            continue
        schema: dict[str, Any] = function.get("parameters") or {}
        properties: dict[str, Any] = schema.get("properties") or {}
        arguments = _arguments(said, spoken, properties)
        if "seconds" in properties and "seconds" not in arguments:
            return HOW_LONG
        return ToolCall(f"call_demo_{next(_calls)}", name, json.dumps(arguments))
    return None


def _arguments(said: str, spoken: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Numbers go to numbers in order; the rest of the words to the first text."""
    found = numbers.find(said)
    rest = said.split(spoken, 1)[-1].strip(" .?!,")
    arguments: dict[str, Any] = {}
    for name, schema in properties.items():
        kind = schema.get("type")
        if name == "seconds":
            long = numbers.seconds(said)
            if long is not None:
                arguments[name] = long
        elif kind in ("integer", "number") and found:
            arguments[name] = found.pop(0)
        elif kind == "string" and rest and "default" not in schema:
            arguments[name], rest = re.sub(r"^(of|for|to|in|the) ", "", rest), ""
    return arguments
