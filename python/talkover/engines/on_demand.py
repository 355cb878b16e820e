"""What all calls share and what is made when it is first wanted: an engine's process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ..errors import EngineError


class Process(Protocol):
    async def warm(self) -> None:
        """Returns at once where it is warm already. EngineError."""
        ...

    async def close(self) -> None: ...


P = TypeVar("P", bound=Process)


class OnDemand(Generic[P]):
    """`make` may raise EngineError, and starts nothing. Thread: the loop's.

    What did not get warm is closed, and the next `warm` makes another.
    """

    def __init__(self, make: Callable[[], P]) -> None:
        self._make = make
        self.made: P | None = None
        """None before `warm` and after `close`."""

    async def warm(self) -> P:
        """EngineError."""
        made = self.made = self.made or self._make()
        try:
            await made.warm()
        except EngineError:
            if self.made is made:
                await self.close()
            raise
        return made

    async def close(self) -> None:
        made, self.made = self.made, None
        if made is not None:
            await made.close()
