"""Vision: the model looks through the caller's camera, and shows a picture back.

Needs a model that takes pictures:
talkover serve examples/vision.py --llm http://localhost:11434/v1 --model llama3.2-vision
"""

from talkover import Agent, Session, Turn

agent = Agent(
    "You help people to sell things. Look at what they show you, and suggest a title and a price. "
    "Take a photo for the ad when they ask for it.",
    vision="on_request",  # the model has a tool, look; or "every_turn", or every so many seconds
    greeting="Hold it up to the camera, please.",
)


@agent.tool
async def take_photo(turn: Turn, session: Session) -> str:
    """Take the photo for the ad, and show it to the seller."""
    photo = await turn.look(timeout=2)
    if photo is None:
        return "There is no picture; ask them to turn on the camera."
    await session.show(photo)
    session.state["photo"] = {"width": photo.width, "height": photo.height, "at": photo.at}
    return "The photo is taken, and they see it."
