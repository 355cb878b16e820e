"""Settings: where they come from, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkover.config import Loaded, load
from talkover.errors import ConfigError

NO_FILE = Path("there-is-none.toml")


def told(loaded: Loaded, name: str) -> tuple[str, str]:
    """A setting's value and source, as `talkover config` prints them."""
    line = next(line for line in loaded.lines() if line.split()[0] == name)
    value, _, source = line.partition("=")[2].partition("#")
    return value.strip(), source.strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "talkover.toml"


def test_a_flag_wins_over_the_environment_over_the_file(file: Path):
    file.write_text("port = 1\nmedia_port = 1\nmost_calls = 1\n")
    environment = {"TALKOVER_PORT": "2", "TALKOVER_MEDIA_PORT": "2"}
    loaded = load({"port": 3, "media_port": None}, environment, file)
    assert told(loaded, "port") == ("3", "flag")
    assert told(loaded, "media_port") == ("2", "environment")
    assert told(loaded, "most_calls") == ("1", "talkover.toml")
    assert told(loaded, "host") == ('"127.0.0.1"', "default")


def test_each_nested_setting_has_a_source_of_its_own(file: Path):
    file.write_text("[turn]\nsilence_ms = 400\ninterrupt_ms = 500\n")
    environment = {"TALKOVER_TURN__SILENCE_MS": "450"}
    loaded = load({"turn.decide_ms": "470"}, environment, file)
    assert told(loaded, "turn.silence_ms") == ("450", "environment")
    assert told(loaded, "turn.interrupt_ms") == ("500", "talkover.toml")
    assert told(loaded, "turn.decide_ms") == ("470", "flag")
    assert told(loaded, "turn.early_ms") == ("300", "default")
    turns = loaded.settings.turns
    assert (turns.silence_ms, turns.interrupt_ms, turns.decide_ms) == (450, 500, 470)


@pytest.mark.parametrize("word", ["false", "0", "no", "False"])
def test_a_switch_can_be_off_in_the_environment(file: Path, word: str):
    file.write_text("tls = true\n")
    assert load({}, {"TALKOVER_TLS": word}, file).settings.tls is False


def test_a_flag_switches_off_what_the_file_switched_on(file: Path):
    file.write_text("tls = true\n")
    assert load({"tls": None}, {}, file).settings.tls is True
    assert load({"tls": False}, {}, file).settings.tls is False


def test_an_empty_variable_is_not_set():
    assert load({}, {"TALKOVER_KEY": "", "TALKOVER_PORT": ""}, NO_FILE).settings.key is None


def test_secrets_are_masked():
    environment = {
        "TALKOVER_KEY": "s3cret", "TALKOVER_API_KEY": "s3cret",
        "TALKOVER_LLM": "http://me:s3cret@localhost/v1",
    }  # fmt: skip
    loaded = load({}, environment, NO_FILE)
    assert "s3cret" not in "\n".join(loaded.lines())
    assert told(loaded, "llm")[0] == '"http://…@localhost/v1"'
    assert told(load({}, {}, NO_FILE), "key")[0] == "(not set)"


def test_a_providers_key_selects_nothing():
    environment = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://x/v1"}
    assert load({}, environment, NO_FILE).settings == load({}, {}, NO_FILE).settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "prot in talkover.toml; did you mean port"),
        ("[turn]\nsilense_ms = 1", "turn.silense_ms in talkover.toml; did you mean turn.sil"),
        ("[turn]\nsilence_ms = 'x'", "turn.silence_ms in talkover.toml"),
        ("[turn]\nsilence_ms = 40000", "turn.silence_ms in talkover.toml"),
        ("[turn]\ninterruptions = 'no'", "no setting turn.interruptions"),
        ("port = 70000", "port in talkover.toml"),
        ("port = ", "talkover.toml"),
        ("quite_another_thing = 1", "see talkover config"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_of_the_file_is_named(file: Path, text: str, words: str):
    file.write_text(text)
    with pytest.raises(ConfigError) as found:
        load({}, {}, file)
    assert words in found.value.message
    assert "\n" not in found.value.message


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("TALKOVER_PROT", "TALKOVER_PROT; did you mean TALKOVER_PORT?"),
        ("TALKOVER_TURN__SILENSE_MS", "did you mean TALKOVER_TURN__SILENCE_MS?"),
        ("TALKOVER_TRUN__SILENCE_MS", "did you mean TALKOVER_TURN__SILENCE_MS?"),
        ("TALKOVER_PORT", "TALKOVER_PORT: "),
    ],
)
def test_a_mistyped_variable_is_named_with_the_nearest(variable: str, words: str):
    with pytest.raises(ConfigError) as found:
        load({}, {variable: "x"}, NO_FILE)
    assert words in found.value.message


def test_a_variable_that_resembles_no_setting_is_told_and_changes_nothing():
    loaded = load({}, {"TALKOVER_PICTURES": "out"}, NO_FILE)
    assert "TALKOVER_PICTURES" in loaded.warnings[0]
    assert loaded.settings == load({}, {}, NO_FILE).settings
