"""Push to talk: a turn is what was said while the button was down, pauses and all.

talkover serve examples/push_to_talk.py --llm http://localhost:11434/v1

The page shows a button. Another client lets go of it by two events of the protocol,
input_audio_buffer.commit and response.create.
"""

from collections.abc import AsyncGenerator

from talkover import Agent, Session, Turn

agent = Agent(
    "You are a dispatcher on the radio. Answer in one short sentence.",
    turns="push_to_talk",
    greeting="Dispatch. Over.",
)


@agent.start
async def start(session: Session) -> None:
    session.state["log"] = []


@agent.reply
async def reply(turn: Turn) -> AsyncGenerator[str]:
    """The usual brain, with something of one's own around it."""
    if turn.text.lower().startswith("radio check"):
        yield "Loud and clear. Over."
        return
    async for piece in turn.answer():
        yield piece
    yield " Over."


@agent.after
async def after(turn: Turn) -> None:
    entry = {"said": turn.text, "heard": turn.heard, "cut": turn.interrupted}
    turn.session.state["log"].append(entry)
