"""Engines by name and URL, and those of packages that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkover.engines.base import Wanted
from talkover.engines.providers import known, make, provider
from talkover.engines.registry import Choice, build
from talkover.errors import ConfigError, EngineError

PACKAGE = """
from talkover.engines.base import Provider
from talkover.testing import SteadyVoice

class Voice(SteadyVoice):
    def __init__(self, wanted):
        super().__init__()
        self.wanted = wanted

PROVIDER = Provider("a steady voice", {"tts": Voice})
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with three entry points: one works, two do not."""
    (tmp_path / "acme_voices.py").write_text(PACKAGE)
    info = tmp_path / "acme_voices-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-voices\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[talkover.engines]\nacme = acme_voices:PROVIDER\n"
        "broken = acme_missing:PROVIDER\nwrong = acme_voices:PACKAGE_NAME\n"
        "openai = acme_voices:PROVIDER\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def wanted(spec: str) -> Wanted:
    return Wanted("tts", spec, model="m", api_key="sk-general", voice="ada")


def test_a_package_brings_an_engine_by_its_name(acme: None):
    found = make(wanted("acme#v2"))
    assert (found.wanted.spec, found.wanted.url, found.wanted.model) == ("acme", None, "v2")
    assert build(Choice(tts="acme")).infos[2].name == "steady voice"


def test_a_packages_name_is_a_scheme_for_its_urls(acme: None):
    found = make(wanted("acme://secret@voices.example/a?b=c#v2"))
    assert found.wanted.url == "acme://voices.example/a?b=c"
    assert (found.wanted.api_key, found.wanted.model) == ("secret", "v2")
    assert "secret" not in found.wanted.spec


def test_the_general_key_is_not_shown_to_other_packages(acme: None):
    chain = build(Choice(tts="acme", api_key="sk-general")).tts
    assert "sk-general" not in repr(vars(chain._members[0].engine))  # pyright: ignore  its one member


def test_all_known_engines_are_listed_with_what_is_wrong_with_them(acme: None):
    listed = {one.name: one for one in known()}
    assert {"acme", "broken", "wrong", "demo", "openai", "deepgram", "elevenlabs"} <= set(listed)
    assert (listed["acme"].origin, listed["acme"].roles) == ("acme-voices", ("tts",))
    assert "acme_missing" in listed["broken"].trouble and listed["wrong"].trouble
    assert listed["openai"].origin == "talkover" and "s2s" in listed["openai"].roles


def test_a_package_cannot_take_the_place_of_one_of_ours(acme: None):
    assert "llm" in provider("openai").makers


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no engine 'deepgrm'.*deepgram.*http://"):
        build(Choice(stt="deepgrm"))


def test_an_engine_that_a_provider_has_not_is_refused():
    with pytest.raises(ConfigError, match="--tts deepgram"):
        build(Choice(tts="deepgram"))


def test_a_conversation_has_one_speech_to_speech_model():
    with pytest.raises(ConfigError, match="name one"):
        build(Choice(s2s="openai,openai", api_key="k"))


def test_each_in_a_list_may_have_its_own_model_and_key():
    infos = build(Choice(llm="https://k@one.example/v1#large,http://localhost:9/v1#small")).infos
    assert [(i.name, i.where) for i in infos if i.role == "llm"] == [
        ("large", "one.example"), ("small", "localhost"),
    ]  # fmt: skip


def test_what_an_engine_can_do_is_told_in_words():
    info, *_ = build(Choice(stt="deepgram", keys=(("deepgram", "k"),))).infos
    assert info.abilities == ["words while they are spoken"]
    ear, model, _ = build(Choice()).infos
    assert ear.abilities == ["words while they are spoken", "languages: en"]
    assert model.abilities == ["languages: en"]
    model, _ = build(Choice(s2s="gemini", keys=(("gemini", "k"),))).infos
    assert model.abilities == ["owns the floor"]


async def test_a_local_engine_without_weights_is_told_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TALKOVER_MODELS", str(tmp_path))
    listed = {one.name: one for one in known()}
    for name, model in (("kokoro", "kokoro-v1.0"), ("sherpa", "zipformer-en-20m")):
        assert not listed[name].trouble
        assert listed[name].note.endswith(f"not on this machine: talkover models pull {model}.")
    voice = build(Choice(tts="piper#de_DE-thorsten-medium")).tts
    with pytest.raises(EngineError, match=r"talkover models pull de_DE-thorsten-medium\.$"):
        await voice.warm()
