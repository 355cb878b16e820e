"""Talkover: the AI you can talk over."""

from .agent import Agent, Session, Turn
from .errors import TalkoverError
from .values import Audio, Image, Say

__all__ = ["Agent", "Audio", "Image", "Say", "Session", "TalkoverError", "Turn"]
__version__ = "0.1.0"
