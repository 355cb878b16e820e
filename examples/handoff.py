"""Two agents: the desk hands the call to billing, which listens for a number.

talkover serve examples/handoff.py --llm http://localhost:11434/v1

Both are served; a client may also ask for one: /v1/realtime/calls?model=billing
"""

from talkover import Agent, Session

desk = Agent(
    "You are the front desk of a phone company. Connect whoever asks about a bill.",
    greeting="Hello, what can I do for you?",
)
billing = Agent(
    "You are billing. Be exact. Ask for the customer number before anything else.",
    voice="onyx",
)
BILLS = {"4711": "12 euros, due on Friday"}


@desk.tool
async def to_billing(reason: str, session: Session) -> str:
    """Connect the caller with billing."""
    session.state["reason"] = reason
    await session.handoff(billing)
    return "Connected."


@billing.start
async def take_over(session: Session) -> None:
    # A number is said in groups: the next pauses do not end the turn.
    await session.listen_for("number")


@billing.tool(safe=True)
async def find_bill(number: str, session: Session) -> str:
    """Find a customer's open bill by their number."""
    bill = BILLS.get("".join(filter(str.isdigit, number)))
    if bill is None:
        await session.listen_for("number")
        return "There is no such number; ask for it again."
    return bill
