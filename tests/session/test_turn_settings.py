"""Whose turn settings count: the client's over the agent's over the server's."""

from __future__ import annotations

from talkover import Agent
from talkover.protocol.config import first_config
from talkover.session.turn_settings import own_input, turn_policy
from talkover.turn.policy import TurnPolicy

SERVER = TurnPolicy(silence_ms=500, interrupt_ms=700)


def test_the_servers_settings_hold_for_an_agent_that_says_nothing():
    policy = turn_policy(Agent(), first_config({}), SERVER)
    assert (policy.silence_ms, policy.interrupt_ms) == (500, 700)


def test_the_agents_own_settings_win_over_the_servers():
    policy = turn_policy(Agent(turns={"silence_ms": 900}), first_config({}), SERVER)
    assert (policy.silence_ms, policy.interrupt_ms) == (900, 700)
    assert turn_policy(Agent(turns="patient"), first_config({}), SERVER).silence_ms == 800


def test_a_clients_server_vad_wins_over_both():
    asked = {"type": "server_vad", "silence_duration_ms": 650}
    config = first_config({"audio": {"input": {"turn_detection": asked}}})
    assert turn_policy(Agent(turns={"silence_ms": 900}), config, SERVER).silence_ms == 650


def test_an_agent_wants_of_the_input_what_it_says_and_nothing_else():
    assert own_input(Agent()) == {}
    config = first_config({"audio": {"input": own_input(Agent(noise_suppression=True))}})
    assert config.audio.input.noise_reduction is not None
    assert config.audio.input.turn_detection is not None
    assert own_input(Agent(turns="push_to_talk")) == {"turn_detection": None}
