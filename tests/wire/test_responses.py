"""What a session says to `response.create` and its kin, event by event."""

from __future__ import annotations

from typing import Any

from wire.line import Line, typed

from talkover.media.port import MediaPort

TEXT: dict[str, Any] = {"output_modalities": ["text"]}


async def test_a_written_response_is_told_in_the_order_of_real_sessions(media: MediaPort) -> None:
    line = Line(media, TEXT)
    line.type("hi")
    line.send("response.create", response={"metadata": {"k": "v"}})
    done = await line.wait("response.done")
    assert line.kinds() == [
        "session.created",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    response = done["response"]
    assert response["metadata"] == {"k": "v"}
    assert response["conversation_id"] == "conv_default"
    assert response["usage"]["output_tokens"] == 3
    user, agent = (e for e in line.events if e["type"] == "conversation.item.added")
    assert (user["previous_item_id"], agent["previous_item_id"]) == (None, user["item"]["id"])
    assert agent["item"]["content"] == []
    assert line.events[3]["response"]["status"] == "in_progress"


async def test_a_spoken_response_names_its_voice_and_format(media: MediaPort) -> None:
    line = Line(media)
    line.type("hi")
    audio = {"output": {"voice": "marin", "format": {"type": "audio/pcmu"}}}
    line.send("response.create", response={"audio": audio, "max_output_tokens": 100})
    created = (await line.wait("response.created"))["response"]
    assert created["audio"] == audio
    assert created["max_output_tokens"] == 100
    await line.wait("response.done")


async def test_responses_outside_the_conversation_run_beside_it(media: MediaPort) -> None:
    line = Line(media, answers={"long": "a b c d e f g h", "": "Aside."}, first=0.05)
    line.type("long")
    line.send("response.create")
    main = (await line.wait("response.created"))["response"]["id"]
    for n in range(2):
        line.send(
            "response.create",
            response={
                "conversation": "none", "output_modalities": [("text", "audio")[n]],
                "metadata": {"n": str(n)}, "input": [typed("which topic?")],
            },
        )  # fmt: skip
    done: dict[str, Any] = {}
    while len(done) < 3:
        response = (await line.wait("response.done"))["response"]
        done[response["id"]] = response
    asides = [response for id, response in done.items() if id != main]
    assert sorted(aside["metadata"]["n"] for aside in asides) == ["0", "1"]
    for aside in asides:
        assert "conversation_id" not in aside
        content = aside["output"][0]["content"][0]
        assert "Aside." in (content.get("text"), content.get("transcript"))
    kept = {e["item"]["id"] for e in line.events if e["type"] == "conversation.item.added"}
    assert not kept & {aside["output"][0]["id"] for aside in asides}
    spoken = {e["response_id"] for e in line.events if e["type"] == "response.output_audio.delta"}
    assert len(spoken) == 2
    roles = [[m["role"] for m in asked if m["role"] != "system"] for asked in line.llm.asked]
    assert roles.count(["user"]) == 3


async def test_a_response_outside_is_cancelled_by_its_id(media: MediaPort) -> None:
    line = Line(media, TEXT, first=5.0)
    line.send("response.create", response={"conversation": "none"})
    created = await line.wait("response.created")
    line.send("response.cancel", event_id="all")
    assert (await line.error())["code"] == "response_cancel_not_active"
    line.send("response.cancel", response_id=created["response"]["id"])
    done = (await line.wait("response.done"))["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


async def test_input_refers_to_items_and_leaves_the_rest_out(media: MediaPort) -> None:
    line = Line(media, TEXT)
    line.send("conversation.item.create", item={**typed("first"), "id": "one"})
    line.send("conversation.item.create", item={**typed("second"), "id": "two"})
    given = [{"type": "item_reference", "id": "one"}, typed("third")]
    line.send("response.create", response={"conversation": "none", "input": given})
    await line.wait("response.done")
    assert [m["content"] for m in line.llm.asked[0]][-1:] == ["first third"]
    given = [{"type": "item_reference", "id": "zero"}]
    line.send("response.create", event_id="e", response={"input": given})
    error = await line.error()
    assert (error["param"], error["event_id"]) == ("response.input[0].id", "e")


async def test_two_responses_at_once_and_a_cancel_without_one_are_refused(
    media: MediaPort,
) -> None:
    line = Line(media, TEXT, first=0.2)
    line.send("response.cancel", event_id="idle")
    error = await line.error()
    assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "idle")
    assert error["message"].startswith("Cancellation failed")
    line.type("hi")
    line.send("response.create")
    line.send("response.create", event_id="second")
    error = await line.error()
    assert (error["code"], error["event_id"]) == (
        "conversation_already_has_active_response", "second",
    )  # fmt: skip
    assert (await line.wait("response.done"))["response"]["status"] == "completed"


async def test_a_response_that_used_up_its_tokens_is_incomplete(media: MediaPort) -> None:
    line = Line(media, TEXT)
    line.type("hi")
    line.send("response.create", response={"max_output_tokens": 3})
    response = (await line.wait("response.done"))["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"


async def test_a_clients_tool_is_called_and_its_output_goes_on(media: MediaPort) -> None:
    from talkover.testing.engines import Call

    answers = {"": (Call("weather", {"city": "Paris"}), "It is {result}.")}
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    line = Line(media, TEXT | {"tools": [tool]}, answers=answers)
    line.type("weather?")
    line.send("response.create")
    called = await line.wait("response.function_call_arguments.done")
    assert called["name"] == "weather"
    await line.wait("response.done")
    output = {"type": "function_call_output", "call_id": called["call_id"], "output": "sunny"}
    line.send("conversation.item.create", item=output)
    line.send("response.create")
    done = await line.wait("response.done")
    assert done["response"]["output"][0]["content"][0]["text"] == "It is sunny."
    assert line.kinds()[3:].count("response.function_call_arguments.delta") == 1


async def test_a_transcription_session_gives_no_response(media: MediaPort) -> None:
    line = Line(media, {"type": "transcription"})
    created = await line.wait("session.created")
    assert created["session"]["object"] == "realtime.transcription_session"
    assert set(created["session"]) == {"type", "object", "id", "expires_at", "audio"}
    line.send("response.create", event_id="e")
    assert (await line.error())["event_id"] == "e"
