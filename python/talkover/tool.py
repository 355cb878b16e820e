"""A Python function as a tool that a model may call."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from .errors import AgentError, InputError
from .plain import THREADS

KEY = "idempotency_key"
"""A parameter of this name gets a text that is the same whenever the same call is made again."""
USUAL_S = 10.0
BACKGROUND_S = 600.0


@dataclass(frozen=True, slots=True)
class Tool:
    """`schema` is the JSON schema of the arguments; `injected` maps parameter name to type.

    `idempotent`: it takes an idempotency key, so that one call may be made twice.
    """

    name: str
    description: str
    schema: dict[str, Any]
    function: Callable[..., Any]
    adapters: dict[str, TypeAdapter[Any]] | None
    required: frozenset[str]
    injected: dict[str, type]
    safe: bool = False
    timeout: float = 10
    say: str | None = None
    background: bool = False
    confirm: bool = False
    idempotent: bool = False

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        injected: tuple[type, ...],
        safe: bool = False,
        timeout: float | None = None,
        say: str | None = None,
        background: bool = False,
        confirm: bool = False,
    ) -> Tool:
        """Read the schema off the signature; AgentError where a hint is missing."""
        name = function.__name__
        hints = typing.get_type_hints(function, localns={t.__name__: t for t in injected})
        inject: dict[str, type] = {}
        adapters: dict[str, TypeAdapter[Any]] = {}
        properties: dict[str, Any] = {}
        required: list[str] = []
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise AgentError(f"Tool {name}: *args and **kwargs cannot be described to a model.")
            if parameter.name not in hints:
                raise AgentError(f"Tool {name}: give the parameter {parameter.name!r} a type hint.")
            hint = hints[parameter.name]
            if parameter.name == KEY:
                continue
            if hint in injected:
                inject[parameter.name] = hint
                continue
            adapters[parameter.name] = adapter = TypeAdapter(hint)
            properties[parameter.name] = _plain(adapter.json_schema())
            if parameter.default is parameter.empty:
                required.append(parameter.name)
            elif parameter.default is not None:
                properties[parameter.name]["default"] = parameter.default
        schema = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        description = inspect.cleandoc(function.__doc__ or name.replace("_", " "))
        seconds = timeout or (BACKGROUND_S if background else USUAL_S)
        return cls(
            name, description, schema, function, adapters, frozenset(required), inject,
            safe, seconds, say, background, confirm, KEY in hints,
        )  # fmt: skip

    @classmethod
    def remote(
        cls,
        name: str,
        description: str,
        schema: dict[str, Any],
        call: Callable[[Mapping[str, Any]], Any],
        *,
        timeout: float,
        confirm: bool,
    ) -> Tool:
        """One that somebody else serves, who checks the arguments too: `call` gets all of them."""
        return cls(
            name, description, schema, call, None, frozenset(), {},
            timeout=timeout, confirm=confirm,
        )  # fmt: skip

    def chat_schema(self) -> dict[str, Any]:
        """The tool as chat completions want it."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": self.schema,
            },
        }

    async def run(self, arguments: Mapping[str, Any], given: Mapping[type, Any], key: str) -> Any:
        """Validate, inject and call; a plain function runs in a thread.

        Raises InputError for arguments that do not fit, TimeoutError after `timeout` seconds, and
        whatever the function raises.
        """
        bound = self._bind(arguments)
        bound.update({name: given[kind] for name, kind in self.injected.items()})
        if self.idempotent:
            bound[KEY] = key
        async with asyncio.timeout(self.timeout):
            if inspect.iscoroutinefunction(self.function):
                return await self.function(**bound)
            call = functools.partial(contextvars.copy_context().run, self.function, **bound)
            return await asyncio.get_running_loop().run_in_executor(THREADS, call)

    def check(self, arguments: Mapping[str, Any]) -> None:
        """InputError for arguments that do not fit."""
        self._bind(arguments)

    def _bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.adapters is None:
            return {"arguments": arguments}
        bound: dict[str, Any] = {}
        missing = self.required - arguments.keys()
        if missing:
            raise InputError(f"{self.name}: the argument {sorted(missing)[0]!r} is missing.")
        for name, value in arguments.items():
            adapter = self.adapters.get(name)
            if adapter is None:
                raise InputError(f"{self.name}: there is no argument {name!r}.")
            try:
                bound[name] = adapter.validate_python(value)
            except ValidationError as error:
                raise InputError(f"{self.name}: {name}: {error.errors()[0]['msg']}.") from None
        return bound


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("title", None)
    return schema
