"""An OpenAI-compatible model: how its answers stream, and how many it gives at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import httpx2 as httpx

from .bounds import Bounds
from .exchange import client, exchange, failed
from .http_probe import FAILURES
from .seen import Completion, Exchange, ModelSeen

PROMPT = "Count from one to twenty in words, separated by commas. Write nothing else."
MOST_TOKENS = 64
TOGETHER = (1, 2, 4)


async def models_listed(bounds: Bounds, base: str) -> tuple[str, ...] | None:
    """The models at `base`/models; None where there is no such list."""
    try:
        async with client(bounds) as http:
            answer = await exchange(http, bounds, "GET", f"{base}/models")
        listed: Any = json.loads(answer.body)
    except (*FAILURES, RecursionError):
        return None
    found: Any = cast("dict[str, Any]", listed).get("data") if isinstance(listed, dict) else None
    if answer.status != 200 or not isinstance(found, list):
        return None
    each = [cast(Any, one) for one in cast("list[Any]", found) if isinstance(one, dict)]
    return tuple(str(one["id"]) for one in each if "id" in one)


async def model_seen(bounds: Bounds, base: str, model: str) -> ModelSeen:
    """Ten short answers, four at once at most. Never raises for what a server does."""
    url = f"{base}/chat/completions"
    body = json.dumps(
        {
            "model": model, "stream": True, "max_tokens": MOST_TOKENS, "temperature": 0,
            "messages": [{"role": "user", "content": PROMPT}],
        }
    ).encode()  # fmt: skip

    async def ask(http: httpx.AsyncClient) -> Completion:
        kind = "application/json"
        return completion(await exchange(http, bounds, "POST", url, content=body, kind=kind))

    answers: list[Completion] = []
    together: list[tuple[int, tuple[float, ...]]] = []
    try:
        async with client(bounds) as kept:
            answers += [await ask(kept), await ask(kept)]
            async with client(bounds) as fresh:
                answers.append(await ask(fresh))
            if all(answer.tokens_ms for answer in answers):
                for count in TOGETHER:
                    done = await asyncio.gather(*(ask(kept) for _ in range(count)))
                    firsts = [one.first_ms for one in done if one.first_ms is not None]
                    together.append((count, tuple(sorted(firsts))))
    except FAILURES as error:
        return ModelSeen(url, model, tuple(answers), tuple(together), failed(error))
    return ModelSeen(url, model, tuple(answers), tuple(together))


def completion(seen: Exchange) -> Completion:
    """When each piece of text came, by the chunk that ended its line (pure)."""
    if seen.status != 200:
        return Completion(seen.setup_ms, (), seen.status, seen.body[:300].decode(errors="replace"))
    tokens: list[float] = []
    rest = b""
    for at, chunk in seen.chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        tokens += [at for line in lines if _has_text(line)]
    if not tokens and _whole(seen.body):
        # It took no notice of `stream`: one JSON, all at once.
        tokens = [seen.last_ms]
    return Completion(seen.setup_ms, tuple(tokens), seen.status)


def _has_text(line: bytes) -> bool:
    if not line.startswith(b"data:"):
        return False
    try:
        delta: Any = json.loads(line[5:])["choices"][0]["delta"]
        return bool(delta.get("content") or delta.get("reasoning_content"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return False


def _whole(body: bytes) -> bool:
    try:
        return bool(json.loads(body)["choices"][0]["message"]["content"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return False
