"""What `talkover init` writes."""

from __future__ import annotations

AGENT = '''"""A voice agent. Serve it with: talkover serve"""

from talkover import Agent

agent = Agent("You are a kind concierge. Keep it short.", greeting="Hello! How can I help?")


@agent.tool(safe=True)
def opening_hours(day: str) -> str:
    """When the house is open on a day of the week."""
    return "closed" if day.lower() == "sunday" else "from nine to six"
'''
TEST = '''"""Run with: pytest"""

from agent import agent, opening_hours


def test_the_house_is_closed_on_sundays():
    assert opening_hours("Sunday") == "closed"


def test_the_agent_has_its_tool():
    assert list(agent.tools) == ["opening_hours"]
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
