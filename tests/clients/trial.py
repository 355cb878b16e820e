"""What all Python clients are tried with: features by name, each told on a line of its own.

Runs in the clients' own environment, where nothing of this project is installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

URL = os.environ["CLIENT_URL"]
"""Such as http://127.0.0.1:1234/v1"""
WS = URL.replace("http", "ws", 1)
KEY = os.environ["CLIENT_KEY"]
SPEECH = Path(os.environ["CLIENT_SPEECH"]).read_bytes()
"""PCM, 24 kHz: somebody asks for the weather."""
OFFER = os.environ["CLIENT_OFFER"]
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhg"
    "GAWjR9awAAAABJRU5ErkJggg=="
)
TOOL: dict[str, Any] = {
    "type": "function", "name": "get_weather", "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}  # fmt: skip
PATIENCE_S = 40.0

Feature = Callable[[], Awaitable[None]]
FEATURES: dict[str, Feature] = {}


def feature(name: str) -> Callable[[Feature], Feature]:
    def register(function: Feature) -> Feature:
        FEATURES[name] = function
        return function

    return register


def message(text: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content, **more}


def run() -> None:
    """Try all of them, or those named in CLIENT_ONLY."""
    only = [name for name in os.environ.get("CLIENT_ONLY", "").split(",") if name]

    async def all_of_them() -> None:
        for name, function in FEATURES.items():
            if only and name not in only:
                continue
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await function()
                told = {"feature": name, "ok": True}
            except Exception as error:
                where = traceback.format_exception(error)[-4:]
                told = {"feature": name, "ok": False, "why": "".join(where)}
            print(json.dumps(told), flush=True)

    asyncio.run(all_of_them())
