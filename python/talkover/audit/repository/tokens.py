"""JavaScript and TypeScript as tokens: tolerant, and never wrong about comments and strings.

No grammar: what a reader looks for are short runs of tokens. Code inside of `${…}` counts as text;
a quote that its line does not close (JSX has them in its text) is punctuation. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "number", "text", "regex", "mark"]

_PIECE = re.compile(
    r"""(?P<space>\s+)
    |(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<name>[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*|\#[A-Za-z_]\w*)
    |(?P<number>(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)n?)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<mark>=>|\?\?=|\|\|=|&&=|\?\?|\|\||&&|\?\.(?!\d)|\.\.\.|===|!==|==|!=|<=|>=|\+\+|--|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.){0,200}\]){1,500}/[a-z]*")
_BEFORE_VALUE = {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "await"}


@dataclass(frozen=True, slots=True)
class Token:
    """A text's `text` is what stands between its quotes; `line` counts from 1."""

    kind: Kind
    text: str
    line: int


def tokens(source: str) -> list[Token]:
    """All tokens of any text whatever."""
    found: list[Token] = []
    at, line = 0, 1
    while at < len(source):
        kind, end = _next(source, at, found)
        whole = source[at:end]
        if kind == "text":
            found.append(Token("text", whole[1:-1], line))
        elif kind is not None:
            found.append(Token(kind, whole, line))
        line += whole.count("\n")
        at = end
    return found


def _next(source: str, at: int, before: list[Token]) -> tuple[Kind | None, int]:
    """What begins at a place, and where it ends; None for what is no token."""
    if source[at] == "`":
        return "text", _template(source, at)
    if source[at] == "/" and _takes_value(before) and (found := _REGEX.match(source, at)):
        return "regex", found.end()
    piece = _PIECE.match(source, at)
    assert piece is not None
    match piece.lastgroup:
        case "name" | "number" | "text" | "mark" as kind:
            return kind, piece.end()
        case _:
            return None, piece.end()


def _takes_value(before: list[Token]) -> bool:
    """Whether a slash here begins a regular expression rather than divides."""
    if not before:
        return True
    last = before[-1]
    if last.kind == "mark":
        return last.text not in (")", "]", "}", "++", "--")
    return last.kind == "name" and last.text in _BEFORE_VALUE


def _template(source: str, at: int) -> int:
    """The end of a template literal, `${…}` in it and templates in those included."""
    depth: list[str] = ["`"]
    at += 1
    while at < len(source) and depth:
        one = source[at]
        if one == "\\":
            at += 1
        elif depth[-1] == "`":
            if one == "`":
                depth.pop()
            elif source.startswith("${", at):
                depth.append("{")
                at += 1
        elif one in "`{":
            depth.append(one)
        elif one == "}":
            depth.pop()
        at += 1
    return min(at, len(source))
