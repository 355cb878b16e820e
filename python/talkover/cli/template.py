"""What `talkover init` writes."""

from __future__ import annotations

AGENT = '''"""A voice agent. Serve it with: talkover serve"""

from talkover import Agent

agent = Agent(
    "You are a kind concierge. Keep it short.",
    greeting="Hello! How can I help?",
)


@agent.tool(safe=True)
def opening_hours(day: str) -> str:
    """When the house is open on a day of the week."""
    return "closed" if day.lower() == "sunday" else "from nine to six"
'''
TEST = '''"""Conversations in virtual time: no server, no model. Run with: pytest"""

from talkover.testing import Call, Talk

from agent import agent

MODEL = {
    "sunday": [Call("opening_hours", {"day": "Sunday"}), "We are {result}."],
    "story": "Once upon a time there was a fox. " * 5,
    "": "Alright.",
}


def test_the_house_is_closed_on_sundays():
    talk = Talk(agent, llm=MODEL)
    talk.user("Are you open on Sunday?")
    result = talk.run()
    assert result.turns[0].heard == "We are closed.", result


def test_a_caller_may_cut_in():
    talk = Talk(agent, llm=MODEL)
    talk.user("Tell me a story.")
    stop = talk.user("stop", after_audible=2.0)
    result = talk.run()
    assert result.silence_after(stop) < 0.6, result
    assert result.turns[-1].heard == "Alright.", result
'''
CONFIG = """# Every key is also a flag (--media-port) and a variable (TALKOVER_MEDIA_PORT);
# `talkover config` shows all of them.
agent = "agent.py:agent"
# port = 8080
# media_port = 8081
# llm = "http://localhost:11434/v1"
# model = "llama3.2"

# How long to wait for the end of a turn, and what interrupts; --turn silence_ms=500.
[turn]
# silence_ms = 450
# interrupt_ms = 1000
"""
