"""Credentials for a relay, against what OpenSSL and RFC 2202 say they are."""

from __future__ import annotations

import pytest

from talkover.errors import ConfigError
from talkover.gateway.ice import credential, ice_servers

TURN = "turn:relay.example:3478, turns:relay.example:5349?transport=tcp"


def test_the_password_proves_the_name_by_the_shared_secret() -> None:
    # printf '%s' 1797000000:turn_ab | openssl dgst -sha1 -hmac north -binary | base64
    assert credential("north", "1797000000:turn_ab") == "eTez0rFFjv0BGfZyVR1nFUD4C+Y="
    # RFC 2202, test case 2 of HMAC-SHA-1.
    assert credential("Jefe", "what do ya want for nothing?") == "7/zfauXrL6LSdBbV8YTfnCWafHk="


def test_a_caller_is_told_of_every_server_and_never_of_the_secret() -> None:
    told = ice_servers("stun:a.example", TURN, "north").told("turn_ab", 1797000000)
    assert told == [
        {"urls": ["stun:a.example"]},
        {
            "urls": ["turn:relay.example:3478", "turns:relay.example:5349?transport=tcp"],
            "username": "1797000000:turn_ab",
            "credential": "eTez0rFFjv0BGfZyVR1nFUD4C+Y=",
        },
    ]
    assert "north" not in repr(told)


def test_where_there_is_none_nothing_is_told() -> None:
    assert ice_servers(None, None, None).told("turn_ab", 1) == []
    assert ice_servers("", "", "").told("turn_ab", 1) == []


@pytest.mark.parametrize(
    ("stun", "turn", "secret", "word"),
    [
        (None, TURN, None, "--turn-secret"),
        (None, None, "north", "--turn-urls"),
        ("https://a.example", None, None, "--stun-urls: 'https://a.example'"),
        ("stun:a.example?transport=udp", None, None, "--stun-urls"),
        (None, "turn:a.example?transport=sctp", "north", "write it as in turn:"),
    ],
)
def test_settings_that_make_no_server_are_refused_in_a_sentence(
    stun: str | None, turn: str | None, secret: str | None, word: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        ice_servers(stun, turn, secret)
    assert word in refused.value.message
