"""One request, one answer: the agent behind a REST server, made of the same engines as Talkover's.

It is as good as request and response let it be: the model sees the whole history, the voice speaks
a sentence as soon as it is whole, work stops when the client hangs up, and the client says with its
next question how much of the last answer was heard, so that the history can be put right.
"""

from __future__ import annotations

import re
import wave
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..engines.base import Llm, Stt, TextDelta, Tts

EAR_RATE = 16000
MOST_BODY = 4 * 1024 * 1024
MOST_CONVERSATIONS = 100
HEARD = "Talkover-Heard-Ms"
"""The request header that says how much of the last answer the caller heard."""


class BadRecording(ValueError):
    """What was uploaded cannot be listened to; the text says what can."""


@dataclass(slots=True)
class Conversation:
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    marks: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """Of the last answer: (seconds at which a word has been spoken, characters up to its end)."""

    def heard(self, seconds: float) -> None:
        """Cut the last answer to what was heard of it; a word counts from its middle on."""
        if not self.messages or self.messages[-1]["role"] != "assistant":
            return
        starts = [0.0, *(end for end, _ in self.marks)]
        whole = [
            place
            for (end, place), start in zip(self.marks, starts, strict=False)
            if (start + end) / 2 <= seconds
        ]
        last = self.messages[-1]
        last["content"] = last["content"][: whole[-1] if whole else 0].strip()


class Agent:
    """All conversations of a REST server; the longest unused are forgotten."""

    def __init__(self, ear: Stt, model: Llm, voice: Tts) -> None:
        self._ear, self._model, self._voice = ear, model, voice
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()

    async def hear(self, request: Request) -> Conversation:
        """Take a question: the WAV that is the request's body. BadRecording."""
        pcm = _pcm(await _body(request))
        name = request.query_params.get("conversation", "")
        one = self._conversations.setdefault(name, Conversation())
        self._conversations.move_to_end(name)
        if len(self._conversations) > MOST_CONVERSATIONS:
            self._conversations.popitem(last=False)
        heard = request.headers.get(HEARD, "")
        if heard.isdecimal():
            one.heard(int(heard) / 1000)
        ear = self._ear.open("en", lambda _: None)
        try:
            ear.feed(pcm)
            words = await ear.finish()
        finally:
            ear.close()
        one.messages.append({"role": "user", "content": words.text})
        return one

    async def answer(self, one: Conversation, *, whole: bool) -> AsyncGenerator[bytes]:
        """The answer's sound as it is made, 24 kHz. `whole`: spoken once all of it is written,
        which is sooner over; else sentence by sentence, which begins sooner."""
        one.marks = []
        reply = {"role": "assistant", "content": ""}
        one.messages.append(reply)
        seconds, waiting = 0.0, ""
        async for text, is_last in self._written(one.messages[:-1]):
            waiting += text
            if not is_last and (whole or not re.search(r"[.!?]\s*$", waiting)):
                continue
            begins = len(reply["content"])
            reply["content"] += waiting
            async for speech in self._voice.speak(waiting, voice=None, language="en"):
                seconds += len(speech.pcm) / 2 / speech.rate
                start = speech.words[0][1] if speech.words else 0
                end = re.compile(r"\S*").match(waiting, start)
                one.marks.append((seconds, begins + (end.end() if end else len(waiting))))
                yield speech.pcm
            waiting = ""

    async def _written(self, messages: list[dict[str, Any]]) -> AsyncGenerator[tuple[str, bool]]:
        async for part in self._model.reply(messages, []):
            if isinstance(part, TextDelta):
                yield part.text, False
        yield "", True


def refusal(error: BadRecording) -> JSONResponse:
    """Status 400, as the OpenAI API shows errors."""
    kind = "invalid_request_error"
    body = {"message": str(error), "type": kind, "param": "body", "code": "invalid_audio"}
    return JSONResponse({"error": body}, 400)


def wav(pcm: bytes, rate: int) -> bytes:
    """Mono s16le as a WAV file."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()


def sound(file: bytes) -> tuple[bytes, int]:
    """Mono s16le and its rate, of a WAV file. BadRecording."""
    try:
        with wave.open(BytesIO(file)) as source:
            if source.getnchannels() != 1 or source.getsampwidth() != 2:
                raise BadRecording("Send WAV with one channel of 16 bits.")
            return source.readframes(source.getnframes()), source.getframerate()
    except (wave.Error, EOFError):
        raise BadRecording("The body is no WAV file; send one with 16 kHz, 16 bits.") from None


def _pcm(file: bytes) -> bytes:
    pcm, rate = sound(file)
    if rate != EAR_RATE:
        raise BadRecording(f"The recording has {rate} samples a second; send {EAR_RATE}.")
    return pcm


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            raise BadRecording(f"The recording is too long; send at most {MOST_BODY} bytes.")
    return body
