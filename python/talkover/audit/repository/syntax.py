"""What tokens of JavaScript enclose: pairs of brackets, and the functions that they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .tokens import Token, tokens

_CLOSES = {")": "(", "]": "[", "}": "{"}
_CONTROL = {"if", "for", "while", "switch", "catch", "with"}
_TYPE_MARKS = {"<", ">", "[", "]", "|", ".", ",", "&"}
MOST_TYPE = 40
"""Tokens of a return type at most."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call's arguments, from the token after "(" up to, not including, that of ")"."""

    start: int
    end: int


class Script:
    """A source's tokens, with the brackets paired as far as they are."""

    def __init__(self, source: str) -> None:
        self.tokens = tokens(source)
        self.lines = source.splitlines()
        self._pair = _paired(self.tokens)
        self._code = ["" if token.kind == "text" else token.text for token in self.tokens]
        self._where: dict[str, list[int]] = {}
        for at, code in enumerate(self._code):
            self._where.setdefault(code, []).append(at)
        self._inside = self._functions()

    def __len__(self) -> int:
        return len(self.tokens)

    def text(self, at: int) -> str:
        """A token's text; empty beyond the ends and for strings, which are no code."""
        return self._code[at] if 0 <= at < len(self._code) else ""

    def line(self, at: int) -> int:
        return self.tokens[at].line

    def is_at(self, at: int, code: Sequence[str]) -> bool:
        """Whether this code, token by token, stands at a place."""
        return all(self.text(at + n) == one for n, one in enumerate(code))

    def places(self, *code: str) -> Iterator[int]:
        """Where this code begins."""
        return (at for at in self._where.get(code[0], ()) if self.is_at(at, code))

    def call(self, opening: int) -> Call:
        """The arguments of a call, by the place of its "("."""
        return Call(opening + 1, self._pair.get(opening, min(opening + 400, len(self.tokens))))

    def names(self, call: Call) -> set[str]:
        """Code and keys in a call's arguments; a key may be quoted."""
        return {token.text for token in self.tokens[call.start : call.end] if token.kind != "mark"}

    def strings(self) -> Iterator[tuple[int, str]]:
        for at, token in enumerate(self.tokens):
            if token.kind == "text":
                yield at, token.text

    def function(self, at: int) -> str | None:
        """The name of the innermost function around a place ("" without one); None: no function."""
        return self._inside[at] if 0 <= at < len(self._inside) else None

    def _functions(self) -> list[str | None]:
        inside: list[str | None] = []
        stack: list[str | None] = []
        for at, token in enumerate(self.tokens):
            if token.kind == "mark" and token.text == "{":
                name = self._named(at)
                stack.append(name if name is not None else stack[-1] if stack else None)
            inside.append(stack[-1] if stack else None)
            if token.kind == "mark" and token.text == "}" and stack:
                stack.pop()
        return inside

    def _named(self, at: int) -> str | None:
        """The function's name, where a brace opens one."""
        if self.text(at - 1) == "=>":
            return self._assigned(at)
        closing = at - 1
        while at - closing < MOST_TYPE and self._is_type(closing):
            closing -= 1
        closing = closing - 1 if self.text(closing) == ":" else at - 1
        if self.text(closing) != ")":
            return None
        opening = self._pair.get(closing)
        if opening is None:
            return None
        name = self.text(opening - 1)
        if name in ("function", "*"):
            return ""
        known = self.tokens[opening - 1].kind == "name" if opening > 0 else False
        return name if known and name not in _CONTROL else None

    def _is_type(self, at: int) -> bool:
        if not 0 <= at < len(self.tokens):
            return False
        token = self.tokens[at]
        return token.kind in ("name", "text") or token.text in _TYPE_MARKS

    def _assigned(self, at: int) -> str:
        """The name that an arrow function is given, as in `const ask = async () => {`."""
        for back in range(at - 1, max(at - MOST_TYPE, 0), -1):
            if self.text(back) in (";", "{", "}"):
                break
            if self.text(back) == "=" and self.tokens[back - 1].kind == "name":
                return self.text(back - 1)
        return ""


def _paired(found: Sequence[Token]) -> dict[int, int]:
    pair: dict[int, int] = {}
    stack: list[tuple[str, int]] = []
    for at, token in enumerate(found):
        if token.kind != "mark":
            continue
        if token.text in "([{":
            stack.append((token.text, at))
        elif (opening := _CLOSES.get(token.text)) and stack and stack[-1][0] == opening:
            _, begun = stack.pop()
            pair[begun], pair[at] = at, begun
    return pair
