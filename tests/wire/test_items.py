"""Items as clients edit them: seeded, retrieved, truncated, deleted."""

from __future__ import annotations

from typing import Any

from wire.line import Line, typed

from talkover.media.port import MediaPort

TEXT: dict[str, Any] = {"output_modalities": ["text"]}


async def test_items_go_where_the_client_says(media: MediaPort) -> None:
    line = Line(media, TEXT)
    for id, place in (("b", None), ("a", "root"), ("c", "b")):
        line.send("conversation.item.create", item={**typed(id), "id": id}, previous_item_id=place)
    added = [e for e in line.events if e["type"] == "conversation.item.added"]
    assert [(e["item"]["id"], e["previous_item_id"]) for e in added] == [
        ("b", None), ("a", None), ("c", "b"),
    ]  # fmt: skip
    line.send("conversation.item.delete", item_id="b")
    await line.wait("conversation.item.deleted")
    line.send("response.create")
    await line.wait("response.done")
    assert line.llm.asked[0][-1]["content"] == "a c"


async def test_what_is_wrong_with_an_item_has_its_code_and_event_id(media: MediaPort) -> None:
    line = Line(media, TEXT)
    line.send("conversation.item.create", item={**typed("x"), "id": "x"})
    wrong = {
        "item_create_duplicate_item_id": ("create", {"item": {**typed("x"), "id": "x"}}),
        "item_create_invalid_previous_item_id": (
            "create", {"item": typed("y"), "previous_item_id": "no"}
        ),
        "item_retrieve_invalid_item_id": ("retrieve", {"item_id": "no"}),
        "item_delete_invalid_item_id": ("delete", {"item_id": "no"}),
        "item_truncate_invalid_item_id": (
            "truncate", {"item_id": "no", "content_index": 0, "audio_end_ms": 0}
        ),
    }  # fmt: skip
    for code, (verb, fields) in wrong.items():
        line.send(f"conversation.item.{verb}", event_id=f"rci_{code}", **fields)
        error = await line.error()
        assert (error["code"], error["event_id"]) == (code, f"rci_{code}")


async def test_only_sound_of_the_assistants_is_truncated_and_only_within_it(
    media: MediaPort,
) -> None:
    line = Line(media, pace=0.01)
    line.send("conversation.item.create", item={**typed("x"), "id": "x"})
    line.send("response.create")
    done = await line.wait("response.done")
    spoken = done["response"]["output"][0]["id"]
    line.send("response.create", response={"output_modalities": ["text"]})
    written = (await line.wait("response.done"))["response"]["output"][0]["id"]

    def truncate(item: str, ms: int, index: int = 0) -> None:
        line.send(
            "conversation.item.truncate", item_id=item, content_index=index, audio_end_ms=ms
        )  # fmt: skip

    for item, ms, index, code in (
        ("x", 0, 0, "invalid_value"), (written, 0, 0, "unsupported_content_type"),
        (spoken, 0, 3, "invalid_value"), (spoken, 5000, 0, "invalid_value"),
    ):  # fmt: skip
        truncate(item, ms, index)
        assert (await line.error())["code"] == code
    # Clients reckon a little more than there was.
    truncate(spoken, 130 + 85)
    assert (await line.wait("conversation.item.truncated"))["audio_end_ms"] <= 130
    truncate(spoken, 55)
    assert (await line.wait("conversation.item.truncated"))["audio_end_ms"] == 55
    line.send("conversation.item.retrieve", item_id=spoken)
    retrieved = (await line.wait("conversation.item.retrieved"))["item"]
    assert retrieved["content"][0]["transcript"] == "Hello"
    assert retrieved["status"] == "incomplete"


async def test_truncating_what_is_being_said_ends_it_where_the_client_stopped(
    media: MediaPort,
) -> None:
    line = Line(media, pace=0.05)
    line.type("long")
    line.send("response.create")
    delta = await line.wait("response.output_audio.delta")
    for _ in range(60):
        await line.wait("response.output_audio.delta")
    line.send(
        "conversation.item.truncate", item_id=delta["item_id"], content_index=0, audio_end_ms=320
    )  # fmt: skip
    done = await line.wait("response.done")
    assert done["response"]["status"] == "cancelled"
    truncated = await line.wait("conversation.item.truncated")
    assert truncated["audio_end_ms"] == 320
    line.send("conversation.item.retrieve", item_id=delta["item_id"])
    retrieved = await line.wait("conversation.item.retrieved")
    assert retrieved["item"]["content"][0]["transcript"] == "word0"


async def test_an_image_reaches_the_model(media: MediaPort) -> None:
    line = Line(media, TEXT)
    picture = "data:image/png;base64,iVBORw0KGgo="
    content = [
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image_url": picture, "detail": "low"},
    ]
    item = {"type": "message", "role": "user", "content": content}
    line.send("conversation.item.create", item=item)
    added = await line.wait("conversation.item.added")
    assert added["item"]["content"][1] == content[1]
    line.send("response.create")
    await line.wait("response.done")
    shown = line.llm.asked[0][-1]["content"]
    assert shown[1] == {"type": "image_url", "image_url": {"url": picture, "detail": "low"}}
