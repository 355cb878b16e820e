"""The `openai` package for Python: WebSocket, sideband, transcription, secrets, calls."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import openai
from trial import KEY, OFFER, PICTURE, SPEECH, TOOL, URL, feature, message, run

client = openai.AsyncOpenAI(api_key=KEY, base_url=URL)
TEXT: Any = {"type": "realtime", "output_modalities": ["text"]}
Seen = list[Any]


async def until(connection: Any, kind: str, seen: Seen | None = None) -> Any:
    """The next event of a kind; any error on the way is one."""
    async for event in connection:
        if seen is not None:
            seen.append(event)
        if event.type == kind:
            return event
        assert event.type != "error", event
    raise AssertionError(f"the connection ended before {kind}")


async def asked(connection: Any, text: str) -> str:
    await connection.conversation.item.create(item=message(text))
    await connection.response.create()
    done = await until(connection, "response.done")
    assert done.response.status == "completed", done
    part = done.response.output[0].content[0]
    return part.text or part.transcript


async def speak(connection: Any, sound: bytes = SPEECH) -> None:
    """In real time, as a microphone does, with a second of silence behind it."""
    for at in range(0, len(sound) + 48000, 4800):
        piece = sound[at : at + 4800] or bytes(4800)
        await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        await asyncio.sleep(0.1)


@feature("connect")
async def connect() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        created = await until(connection, "session.created")
        assert created.session.model == "gpt-realtime"
        await connection.session.update(session=TEXT | {"instructions": "Be brief."})
        updated = await until(connection, "session.updated")
        assert updated.session.instructions == "Be brief."
        assert updated.session.output_modalities == ["text"]


@feature("text turn")
async def text_turn() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session=TEXT)
        assert await asked(connection, "hello") == "You said hello."


@feature("audio turn")
async def audio_turn() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        seen: Seen = []
        speaking = asyncio.create_task(speak(connection))
        await until(connection, "response.done", seen)
        await speaking
        kinds = [event.type for event in seen]
        assert "input_audio_buffer.committed" in kinds
        words = [e for e in seen if e.type.endswith("transcription.completed")]
        assert words[0].transcript == "what is the weather"
        assert sum(kind == "response.output_audio.delta" for kind in kinds) > 10


@feature("transcription")
async def transcription() -> None:
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        session: Any = {
            "type": "transcription",
            "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
        }
        await connection.session.update(session=session)
        updated = await until(connection, "session.updated")
        assert updated.session.type == "transcription"
        speaking = asyncio.create_task(speak(connection))
        kind = "conversation.item.input_audio_transcription.completed"
        done = await until(connection, kind)
        assert done.transcript == "what is the weather"
        await speaking


@feature("tool call")
async def tool_call() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session=TEXT | {"tools": [TOOL]})
        await connection.conversation.item.create(item=message("use the tool"))
        await connection.response.create()
        call = await until(connection, "response.function_call_arguments.done")
        assert (call.name, call.arguments) == ("get_weather", '{"city": "Paris"}')
        await until(connection, "response.done")
        output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        done = await until(connection, "response.done")
        assert done.response.output[0].content[0].text == "The tool says rain."


@feature("barge-in")
async def barge_in() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.conversation.item.create(item=message("tell me a story"))
        await connection.response.create()
        await until(connection, "response.output_audio.delta")
        await asyncio.sleep(1)
        speaking = asyncio.create_task(speak(connection))
        seen: Seen = []
        done = await until(connection, "response.done", seen)
        assert "input_audio_buffer.speech_started" in [event.type for event in seen]
        assert done.response.status == "cancelled"
        assert done.response.status_details.reason == "turn_detected"
        cut = await until(connection, "conversation.item.truncated")
        assert 500 < cut.audio_end_ms < 8000
        answer = await until(connection, "response.done")
        assert answer.response.output[0].content[0].transcript == "You said what is the weather."
        await speaking


@feature("truncate")
async def truncate() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.conversation.item.create(item=message("tell me a story"))
        await connection.response.create()
        delta = await until(connection, "response.output_audio.delta")
        for _ in range(40):
            await until(connection, "response.output_audio.delta")
        await connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=600
        )
        cut = await until(connection, "conversation.item.truncated")
        assert abs(cut.audio_end_ms - 600) <= 20, cut


@feature("retrieve")
async def retrieve() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.conversation.item.create(item=message("hello", id="mine"))
        await connection.conversation.item.retrieve(item_id="mine")
        found = await until(connection, "conversation.item.retrieved")
        assert found.item.content[0].text == "hello"


@feature("cancel when idle")
async def cancel_when_idle() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.response.cancel(event_id="idle")
        await until(connection, "session.created")
        error = (await connection.recv()).error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "idle")
        await connection.session.update(session=TEXT)
        assert await asked(connection, "still there?") == "You said still there?."


@feature("double response.create")
async def double_create() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session=TEXT)
        await connection.conversation.item.create(item=message("tell me a story"))
        await connection.response.create()
        await connection.response.create(event_id="second")
        codes: list[Any] = []
        async for event in connection:
            if event.type == "error":
                codes.append((event.error.code, event.error.event_id))
            if event.type == "response.done":
                assert event.response.status == "completed"
                break
        assert codes == [("conversation_already_has_active_response", "second")]


@feature("image")
async def image() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session=TEXT)
        content: Any = [
            {"type": "input_text", "text": "what is this?"},
            {"type": "input_image", "image_url": PICTURE},
        ]
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await connection.response.create()
        done = await until(connection, "response.done")
        assert done.response.output[0].content[0].text == "I see a picture."


@feature("history edit")
async def history_edit() -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session=TEXT)
        for text in ("one", "two", "three"):
            await connection.conversation.item.create(item=message(text, id=text))
        await connection.conversation.item.delete(item_id="two")
        await until(connection, "conversation.item.deleted")
        await connection.conversation.item.create(
            item=message("zero", id="zero"), previous_item_id="root"
        )
        said = await asked(connection, "what is our history?")
        assert "zero one three" in said, said


@feature("secret")
async def secret() -> None:
    instructions = "You are bound to a secret."
    made = await client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 10},
        session=TEXT | {"instructions": instructions},
    )
    assert made.value.startswith("ek_")
    bound = openai.AsyncOpenAI(api_key=made.value, base_url=URL)
    async with bound.realtime.connect(model="gpt-realtime") as connection:
        created = await until(connection, "session.created")
        assert created.session.instructions == instructions
        await connection.session.update(session={"type": "realtime", "instructions": "Be evil."})
        updated = await until(connection, "session.updated")
        assert updated.session.instructions == instructions
    await asyncio.sleep(11)
    try:
        async with bound.realtime.connect(model="gpt-realtime"):
            raise AssertionError("an expired secret was taken")
    except Exception as error:
        assert "401" in str(error), error


@feature("sideband")
async def sideband() -> None:
    call = await client.realtime.calls.create(sdp=OFFER, session=TEXT)
    call_id = call.response.headers["location"].rsplit("/", 1)[1]
    async with client.realtime.connect(call_id=call_id) as connection:
        assert await asked(connection, "hello from the side") == "You said hello from the side."
        async with client.realtime.connect(call_id=call_id) as second:
            await connection.conversation.item.create(item=message("both", id="both"))
            added = await until(second, "conversation.item.added")
            assert added.item.id == "both"
        await client.realtime.calls.hangup(call_id)


@feature("hang-up")
async def hang_up() -> None:
    call = await client.realtime.calls.create(sdp=OFFER, session=TEXT)
    call_id = call.response.headers["location"].rsplit("/", 1)[1]
    async with client.realtime.connect(call_id=call_id) as connection:
        await client.realtime.calls.hangup(call_id)
        async for _ in connection:
            pass
    try:
        await client.realtime.calls.hangup(call_id)
    except openai.NotFoundError:
        return
    raise AssertionError("a call could be hung up twice")


if __name__ == "__main__":
    run()
