"""Signs in configuration: functions and their limits, proxies, and how many processes there are.

Line by line and by patterns, so that a file need not be whole (pure).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .sign import Sign, at
from .tree import Source

SHORT_S = 300
SMALL_MB = 512


@dataclass(frozen=True, slots=True)
class Platform:
    """Where functions are set up: in which files, by which words, and with which limits.

    `holds`: words by which connections are held all the same.
    """

    files: re.Pattern[str]
    means: re.Pattern[str]
    seconds: re.Pattern[str] | None = None
    megabytes: re.Pattern[str] | None = None
    region: re.Pattern[str] | None = None
    holds: re.Pattern[str] | None = None


PLATFORMS = (
    Platform(
        re.compile(r"vercel\.json"), re.compile(r""),
        re.compile(r'"maxDuration"\s*:\s*(\d{1,6})'), re.compile(r'"memory"\s*:\s*(\d{1,6})'),
        re.compile(r'"regions"\s*:\s*\[\s*"[\w-]+"\s*\]'),
    ),
    Platform(
        re.compile(r"serverless\.ya?ml"), re.compile(r"^\s*(service|provider|functions)\s*:"),
        re.compile(r"^\s*timeout\s*:\s*(\d{1,6})"), re.compile(r"^\s*memorySize\s*:\s*(\d{1,6})"),
        re.compile(r"^\s*region\s*:\s*\S+"),
    ),
    Platform(
        re.compile(r".*\.(ya?ml|json)"), re.compile(r"AWS::Serverless|AWS::Lambda::Function"),
        re.compile(r"\bTimeout\"?\s*:\s*(\d{1,6})"), re.compile(r"\bMemorySize\"?\s*:\s*(\d{1,6})"),
    ),
    Platform(
        re.compile(r"wrangler\.(toml|jsonc?)"), re.compile(r"\bmain\b"),
        holds=re.compile(r"durable_objects"),
    ),
    Platform(re.compile(r"netlify\.toml"), re.compile(r"\[functions|functions\s*=")),
    Platform(re.compile(r"firebase\.json"), re.compile(r'"functions"\s*:')),
)  # fmt: skip

_WORKERS = (
    re.compile(r"(gunicorn|uvicorn|hypercorn)\b.*?(--workers|-w)\W{1,4}([2-9]|\d\d+)\b"),
    re.compile(r"\bWEB_CONCURRENCY\W{1,4}([2-9]|\d\d+)\b"),
    re.compile(r"\bpm2\b.*\s-i\s*(max|[2-9])"),
    re.compile(r"^\s*replicas\s*:\s*([2-9]|\d\d+)\b"),
)  # fmt: skip
_CODE = (".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx")


def settings_signs(source: Source) -> list[Sign]:
    """Whatever the text, there is an answer; none for code."""
    if source.name.endswith(_CODE) and not source.name.startswith("next.config"):
        return []
    lines = source.text.splitlines()
    found = (*_functions(source, lines), *_processes(lines), *_nginx(source, lines))
    return [at(name, source.path, line, lines) for name, line in found]


_Found = Iterator[tuple[str, int]]


def _functions(source: Source, lines: list[str]) -> _Found:
    for platform in PLATFORMS:
        if not platform.files.fullmatch(source.name):
            continue
        begun = _first(lines, platform.means)
        if begun is None or (platform.holds and _first(lines, platform.holds)):
            continue
        yield "serverless", begun
        for line, text in enumerate(lines, 1):
            if _below(platform.seconds, text, SHORT_S):
                yield "function-duration", line
            if _below(platform.megabytes, text, SMALL_MB):
                yield "function-memory", line
            if platform.region and platform.region.search(text):
                yield "one-region", line


def _below(pattern: re.Pattern[str] | None, text: str, limit: int) -> bool:
    found = pattern.search(text) if pattern else None
    return found is not None and int(found[1]) < limit


def _processes(lines: list[str]) -> _Found:
    for line, text in enumerate(lines, 1):
        if any(pattern.search(text) for pattern in _WORKERS):
            yield "workers", line


def _nginx(source: Source, lines: list[str]) -> _Found:
    if not source.name.endswith(".conf"):
        return
    code = [line.split("#")[0] for line in lines]
    passed = _first(code, re.compile(r"^\s*proxy_pass\s"))
    if passed is not None:
        on = _first(code, re.compile(r"^\s*proxy_buffering\s+on"))
        off = _first(code, re.compile(r"^\s*proxy_buffering\s+off"))
        if on is not None or off is None:
            yield "proxy-buffering", on or passed
        if _first(code, re.compile(r"^\s*proxy_set_header\s+Upgrade\b")) is None:
            yield "proxy-without-upgrade", passed
    slow = _first(code, re.compile(r"^\s*tcp_nodelay\s+off"))
    if slow is not None:
        yield "nagle-on", slow


def _first(lines: list[str], pattern: re.Pattern[str]) -> int | None:
    return next((n for n, line in enumerate(lines, 1) if pattern.search(line)), None)
