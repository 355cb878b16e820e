"""Which engines come of a choice."""

from __future__ import annotations

import pytest

from talkover.engines.registry import Choice, build
from talkover.errors import ConfigError


def names(choice: Choice) -> list[str]:
    return [info.name for info in build(choice).infos[:3]]


def test_nothing_chosen_is_the_demo_and_nothing_leaves_the_machine():
    infos = build(Choice()).infos
    assert all(info.demo and not info.leaves_machine for info in infos)


def test_openai_sets_all_three_and_says_that_audio_and_text_leave():
    infos = build(Choice(openai=True, api_key="sk-x")).infos
    assert [info.name for info in infos[:3]] == [
        "gpt-4o-mini-transcribe", "gpt-4.1-mini", "gpt-4o-mini-tts",
    ]  # fmt: skip
    assert all(info.leaves_machine and info.where == "api.openai.com" for info in infos[:3])


def test_openai_takes_the_models_that_are_named():
    choice = Choice(openai=True, api_key="sk-x", model="m", stt_model="s", tts_model="t")
    assert names(choice) == ["s", "m", "t"]


def test_openai_needs_a_key_that_was_given():
    with pytest.raises(ConfigError, match="--api-key"):
        build(Choice(openai=True))


def test_servers_on_loopback_keep_what_is_said_on_the_machine():
    url = "http://localhost:9/v1"
    infos = build(Choice(llm=url, stt=url, tts=url, model="m")).infos
    assert [info.name for info in infos[:3]] == ["whisper-1", "m", "tts-1"]
    assert not any(info.leaves_machine for info in infos)
