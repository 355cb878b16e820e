"""A Python module's functions, and what is called in each of them (pure)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Loop = ast.While | ast.For | ast.AsyncFor

VERBS = {"get", "post", "put", "patch", "delete", "route", "api_route"}
WEBSOCKETS = {"websocket", "websocket_route"}
ENTRIES = {"handler", "lambda_handler"}
"""What a function's platform calls."""


class Functions:
    """`handlers`: functions that answer requests → the verb of their route. `handling`: those and
    what they call in the same module."""

    def __init__(self, tree: ast.Module) -> None:
        self._calls: list[tuple[ast.Call, Function | None]] = []
        self._loops: list[tuple[Loop, Function | None]] = []
        self._assigned: dict[str, str] = {}
        self.handlers: dict[ast.FunctionDef | ast.AsyncFunctionDef, str] = {}
        self._named: dict[str, Function] = {}
        self._read(tree)
        self.handling: set[Function] = self._reached()

    def calls(self) -> Iterator[tuple[ast.Call, Function | None]]:
        """Each with the innermost function that it is in."""
        yield from self._calls

    def loops(self) -> Iterator[tuple[Loop, Function | None]]:
        yield from self._loops

    def assigned(self, classes: set[str]) -> set[str]:
        """Names that hold an instance of one of the classes."""
        return {name for name, made in self._assigned.items() if made.split(".")[-1] in classes}

    def uses(self, function: Function, names: set[str]) -> bool:
        return any(
            dotted(call.func).split(".")[-1] in names
            for call, inside in self._calls
            if inside is function
        )

    def _read(self, tree: ast.Module) -> None:
        # Without recursion: a source may nest as deep as it likes.
        left: list[tuple[ast.AST, Function | None]] = [(tree, None)]
        while left:
            node, inside = left.pop()
            if isinstance(node, ast.Call):
                self._calls.append((node, inside))
            elif isinstance(node, ast.While | ast.For | ast.AsyncFor):
                self._loops.append((node, inside))
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                for target in node.targets:
                    self._assigned[dotted(target)] = dotted(node.value.func)
            within = inside
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._note(node)
                within = node
            elif isinstance(node, ast.Lambda):
                within = node
            left.extend((child, within) for child in ast.iter_child_nodes(node))
        self._calls.sort(key=lambda pair: (pair[0].lineno, pair[0].col_offset))

    def _note(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._named.setdefault(function.name, function)
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
                if decorator.func.attr in VERBS | WEBSOCKETS:
                    self.handlers[function] = decorator.func.attr
        if function.name in ENTRIES and len(function.args.args) == 2:
            self.handlers[function] = "function"

    def _reached(self) -> set[Function]:
        called: dict[Function | None, set[str]] = {}
        for call, inside in self._calls:
            called.setdefault(inside, set()).add(dotted(call.func).split(".")[-1])
        reached: set[Function] = set()
        left: list[Function] = list(self.handlers)
        while left:
            function = left.pop()
            if function in reached:
                continue
            reached.add(function)
            names = called.get(function, set())
            left += [self._named[name] for name in names if name in self._named]
        return reached


def dotted(node: ast.AST) -> str:
    """`a.b.c` as it is written; what is called or indexed on the way shows as "()" or "[]"."""
    parts: list[str] = []
    while True:
        match node:
            case ast.Attribute(value=value, attr=name):
                parts.append(name)
                node = value
            case ast.Name(id=name):
                return ".".join([name, *reversed(parts)])
            case ast.Call():
                return ".".join(["()", *reversed(parts)])
            case ast.Subscript():
                return ".".join(["[]", *reversed(parts)])
            case _:
                return ".".join(["?", *reversed(parts)])


def keywords(call: ast.Call) -> dict[str | None, ast.expr]:
    """None is a key where `**options` stand."""
    return {keyword.arg: keyword.value for keyword in call.keywords}


def constant(node: ast.expr | None) -> float | None:
    """A number that stands there as one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    return None
