"""The `openai` package for Python in the Live dialect: WebSocket, sideband, calls."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import openai
from trial import KEY, OFFER, SPEECH, TOOL, URL, feature, message, run

client = openai.AsyncOpenAI(api_key=KEY, base_url=URL)
CONFIG: Any = {"model": "gpt-live-1"}
BACKEND: Any = {"type": "responses", "responses": {"model": "gpt-5.6-luna", "tools": [TOOL]}}
PATIENCE_S = 15.0


class Talk:
    """A started session whose events are kept; `until` waits for what has not come yet."""

    def __init__(self, connection: Any) -> None:
        self.connection, self.events = connection, list[Any]()
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.connection:
            self.events.append(event)
            self._more.set()

    async def over(self) -> None:
        await asyncio.wait_for(self._reading, PATIENCE_S)

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    async def until(self, kind: str, count: int = 1) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(kind)) < count:
                self._more.clear()
                await self._more.wait()
        return self.of(kind)[count - 1]

    async def said(self, words: str, who: str = "output") -> str:
        """Everything that one side said, once `words` are in it."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in (text := self.text(who)):
                self._more.clear()
                await self._more.wait()
        return text

    def text(self, who: str = "output") -> str:
        return "".join(event.delta for event in self.of(f"session.{who}_transcript.delta"))

    @property
    def sound(self) -> bytes:
        deltas = (base64.b64decode(e.delta) for e in self.of("session.output_audio.delta"))
        return b"".join(deltas)

    async def nested(self, kind: str) -> Any:
        """An event of the Responses API, with the delegation that it is of."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.of("response.event"):
                    if event.event["type"] == kind:
                        return event
                self._more.clear()
                await self._more.wait()


async def started(connection: Any, **config: Any) -> Talk:
    await connection.session.start(session=CONFIG | config, event_id="start")
    talk = Talk(connection)
    assert (await talk.until("session.started")).client_event_id == "start"
    return talk


async def speak(connection: Any, sound: bytes = SPEECH) -> None:
    """In real time, as a microphone does, with a second of silence behind it."""
    for at in range(0, len(sound) + 48000, 4800):
        piece = sound[at : at + 4800] or bytes(4800)
        await connection.session.input_audio.append(audio=base64.b64encode(piece).decode())
        await asyncio.sleep(0.1)


async def ask(connection: Any, text: str) -> None:
    await connection.response.item.create(item=message(text))
    await connection.response.create()


@feature("connect")
async def connect() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection, instructions="Be brief.")
        session = talk.events[0].session
        assert (session.model, session.status) == ("gpt-live-1", "active")
        assert session.instructions == "Be brief."
        assert (session.audio.format.type, session.audio.format.rate) == ("audio/pcm", 24000)


@feature("text turn")
async def text_turn() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection, delegation=BACKEND)
        await ask(connection, "hello")
        assert await talk.said("hello.") == "You said hello."
        done = await talk.nested("response.completed")
        assert done.event["response"]["usage"]["output_tokens"] == 3


@feature("audio turn")
async def audio_turn() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection)
        began = asyncio.get_running_loop().time()
        await speak(connection)
        assert await talk.said("weather.") == "You said what is the weather."
        usage = await talk.until("session.usage.updated")
        assert usage.usage.seconds > 1
        spoken = [e for e in talk.of("session.output_transcript.delta") if e.start_ms]
        assert all(0 <= e.start_ms <= e.end_ms for e in spoken)
        # One sound without gaps, silence included.
        passed = asyncio.get_running_loop().time() - began
        assert abs(len(talk.sound) / 48000 - passed) < 0.7
        assert any(talk.sound) and not any(talk.sound[:4800])


@feature("transcription")
async def transcription() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection)
        await speak(connection)
        assert await talk.said("weather", "input") == "what is the weather"
        first = talk.of("session.input_transcript.delta")[0]
        assert 0 <= first.start_ms <= first.end_ms


@feature("tool call")
async def tool_call() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection, delegation=BACKEND)
        await ask(connection, "use the tool")
        done = await talk.nested("response.function_call_arguments.done")
        assert (done.event["name"], done.event["arguments"]) == ("get_weather", '{"city": "Paris"}')
        call = (await talk.nested("response.output_item.done")).event["item"]
        await talk.nested("response.completed")
        output: Any = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
        await connection.response.item.create(item=output)
        await connection.response.create()
        assert await talk.said("rain.") == "The tool says rain."


@feature("delegation")
async def delegation() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection, delegation={"type": "client"})
        await ask(connection, "ask the application")
        created = await talk.until("session.delegation.created")
        assert created.delegation.target == "client"
        await connection.session.commentary.append(
            content="all is well", delegation_id=created.delegation.id, event_id="answer"
        )
        assert (await talk.until("session.commentary.appended")).client_event_id == "answer"
        assert await talk.said("well.") == "The application says all is well."
        await connection.session.thinking.append(content="x", delegation_id="none", event_id="t")
        error = (await talk.until("error")).error
        assert (error.code, error.client_event_id) == ("delegation_not_found", "t")


@feature("mute")
async def mute() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection)
        await connection.session.input_audio.mute(event_id="m")
        assert (await talk.until("session.input_audio.muted")).client_event_id == "m"
        await speak(connection)
        await connection.session.input_audio.unmute(event_id="u")
        assert (await talk.until("session.input_audio.unmuted")).client_event_id == "u"
        assert not talk.text("input") and not talk.text()
        await speak(connection)
        await talk.said("You said what is the weather.")


@feature("barge-in")
async def barge_in() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection)
        await ask(connection, "tell me a story")
        await talk.said("lighthouse")
        await speak(connection)
        said = await talk.said("You said what is the weather.")
        assert said.count("lighthouse") < 3, said


@feature("history edit")
async def history_edit() -> None:
    async with client.live.connect() as connection:
        history: Any = [
            {"role": "developer", "content": [{"type": "input_text", "text": "be kind"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
        ]
        talk = await started(connection, input=history)
        await connection.session.instructions.append(
            content="Be brief.", delegation_id=None, event_id="i"
        )
        assert (await talk.until("session.instructions.appended")).client_event_id == "i"
        await ask(connection, "what is our history?")
        assert "one / what is our history?" in await talk.said("?.")


@feature("secret")
async def secret() -> None:
    instructions = "You are bound to a secret."
    made = await client.realtime.client_secrets.create(
        session={"type": "realtime", "instructions": instructions}
    )
    bound = openai.AsyncOpenAI(api_key=made.value, base_url=URL)
    async with bound.live.connect() as connection:
        talk = await started(connection, instructions="Be evil.")
        assert talk.events[0].session.instructions == instructions
    wrong = openai.AsyncOpenAI(api_key="ek_wrong", base_url=URL)
    try:
        async with wrong.live.connect():
            raise AssertionError("a wrong secret was taken")
    except Exception as error:
        assert "401" in str(error), error


@feature("sideband")
async def sideband() -> None:
    async with client.live.connect() as connection:
        talk = await started(connection, delegation=BACKEND)
        id = talk.events[0].session.id
        async with client.live.sideband.connect(session_id=id) as side:
            beside = Talk(side)
            await side.session.update(
                session={"delegation": {"type": "responses", "responses": {"tools": []}}},
                event_id="u",
            )
            for one in (talk, beside):
                assert (await one.until("session.updated")).client_event_id == "u"
            await side.session.commentary.append(content="now", delegation_id=None)
            await beside.said("You said")
            assert not beside.sound
            await side.session.close()
            assert (await talk.until("session.closed")).reason == "close_requested"
            await talk.over()
            await beside.over()


@feature("hang-up")
async def hang_up() -> None:
    call = await client.live.create(session=CONFIG, transport={"type": "webrtc", "sdp": OFFER})
    assert "m=audio" in call.transport.sdp
    async with client.live.sideband.connect(session_id=call.session.id) as side:
        await client.live.sessions.hangup(call.session.id)
        beside = Talk(side)
        closed = await beside.until("session.closed")
        assert (closed.reason, closed.session.id) == ("close_requested", call.session.id)
        await beside.over()
    try:
        await client.live.sessions.hangup(call.session.id)
    except openai.NotFoundError:
        return
    raise AssertionError("a session could be hung up twice")


if __name__ == "__main__":
    run()
