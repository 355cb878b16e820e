"""Thinks up what to say in a turn: the agent's own function, or the default brain."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Mapping,
)
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ..agent import Instructions, Spoken, Turn
from ..agent import Session as Facade
from ..engines.base import TextDelta, ToolCall, Usage
from ..engines.deadline import timely
from ..errors import AgentError
from ..plain import THREADS
from ..protocol import facts as f
from ..protocol.ids import fresh
from ..protocol.items import Item
from ..tool import Tool
from ..values import Audio, Image, Say
from .conversation import Conversation, Message, chat_messages, with_picture
from .live import ClientCall, Voiced
from .remote import Offered
from .remote_calls import RemoteCalls
from .tools import Toolbox

if TYPE_CHECKING:
    from .session import Session

LOOK_S = 1.0
INSTRUCT_S = 5.0
MOMENT_S = 0.5
"""A tool that takes longer is bridged by what it has to be said meanwhile."""
MOST_ROUNDS = 8
"""Tool rounds in one turn; a model that goes on asking is stopped."""

_threads = THREADS


@dataclass(frozen=True, slots=True)
class ToolRound:
    """The agent's tools ran: what is said next comes after them in the conversation."""


Piece = str | Audio | Image | Say | Voiced | ClientCall | ToolRound


@dataclass(frozen=True, slots=True)
class Ask:
    """What a turn is answered with: the session's settings, overlaid by `response.create`."""

    instructions: Instructions
    client_tools: list[dict[str, Any]]
    remote: dict[str, Offered] = field(default_factory=dict[str, Offered])
    """Tools on the client's MCP servers, by their names for the model."""
    tool_choice: Any = "auto"
    max_tokens: int | None = None
    items: list[Item] | None = None
    """Instead of the conversation."""
    sound: bytes = b""
    """The turn's sound, 16 kHz; empty where it was typed."""
    conversation: Conversation = field(default_factory=Conversation)


async def instructed(made: Instructions, session: Facade) -> str:
    """Instructions as they are for this session now. AgentError where they take too long."""
    found = made if isinstance(made, str) else made(session)
    if isinstance(found, str):
        return found
    try:
        async with asyncio.timeout(INSTRUCT_S):
            return await found
    except TimeoutError:
        raise AgentError(
            f"The agent's instructions took more than {INSTRUCT_S:.0f} s; make them from what is "
            "in session.state, and fill that in @agent.start."
        ) from None


class Brain:
    """One turn's thinking; it is the `Exchange` behind the agent's `Turn`."""

    def __init__(
        self,
        session: Session,
        ask: Ask,
        emit: Callable[[f.Fact], None],
        confirmed: asyncio.Event,
        show: Callable[[Item], None] = lambda _: None,
    ) -> None:
        self.agent = session.cast.agent
        """Whose thoughts these are, whoever has the call by now."""
        self._llm = session.cast.llm
        self._session, self._ask = session, ask
        self.turn = Turn(self, session.facade)
        self._video = session.video
        self._seen: Image | None = None
        own = [self._look_tool()] if self._video.on_request else []
        self._toolbox = Toolbox(
            session, self.agent, own, self.turn, emit, confirmed, ask.conversation
        )
        self._remote = RemoteCalls(session, ask.remote, confirmed, show)
        self._instructions = ""
        self._calls: list[ClientCall] = []
        self.usage: dict[str, int] = {}
        self.timings: dict[str, float] = {}
        self.heard = ""
        self.interrupted = False
        self._round_over = False

    # ---- what agent code sees ------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self._ask.conversation.last_user_text()

    @property
    def audio(self) -> Audio | None:
        return Audio(self._ask.sound, 16000) if self._ask.sound else None

    @property
    def messages(self) -> list[Message]:
        return self._messages(self._instructions)

    @property
    def tools(self) -> list[dict[str, Any]]:
        return self._toolbox.schemas()

    async def call(self, name: str, args: Mapping[str, Any]) -> Any:
        return await self._toolbox.call(name, args)

    async def look(self, seconds: float) -> Image | None:
        return await self._video.look(seconds)

    def answer(
        self, instructions: str | None, tools: list[dict[str, Any]] | None
    ) -> AsyncIterator[str]:
        return self._answer(instructions or self._instructions, tools)

    async def run_tool(self, step: f.ToolStep) -> str:
        """Make a call of which `step` says what it is."""
        try:
            return await self._toolbox.run(step.name, step.arguments, step.call_id)
        except asyncio.CancelledError:
            self._toolbox.stopped()
            raise

    @property
    def offered(self) -> list[dict[str, Any]]:
        """The schemas of the agent's tools and the client's functions."""
        return [*self._toolbox.schemas(own=True), *self._ask.client_tools]

    @property
    def seen(self) -> Image | None:
        """What the model looked at."""
        return self._seen

    def is_clients(self, name: str) -> bool:
        """Whether the client runs this tool; the agent's go first where they share a name."""
        named = any(tool["function"]["name"] == name for tool in self._ask.client_tools)
        return named and not self._toolbox.has(name)

    # ---- what the reply sees -------------------------------------------------------------------

    async def pieces(self) -> AsyncGenerator[Piece]:
        """What to say, piece by piece, and the calls that the client is to make."""
        self._instructions = await instructed(self._ask.instructions, self._session.facade)
        own, seconds = self.agent.on_reply, self.agent.reply_timeout
        said = (
            self._answer(self._instructions, None) if own is None
            else timely(_run(own(self.turn)), _stalled, seconds, seconds)
        )  # fmt: skip
        async with aclosing(said):
            async for piece in said:
                if self._round_over:
                    self._round_over = False
                    yield ToolRound()
                if piece is None or piece == "":
                    continue
                yield _checked(piece)
        for call in self._calls:
            yield call

    async def _answer(
        self, instructions: str, tools: list[dict[str, Any]] | None
    ) -> AsyncGenerator[str]:
        self._seen = await self._video.of_turn()
        ours = self._toolbox.schemas(own=True) if tools is None else tools
        schemas = [*ours, *self._ask.client_tools, *self._remote.schemas()]
        await self._remote.make_approved(self._ask.conversation)
        for _ in range(MOST_ROUNDS):
            calls: list[ToolCall] = []
            spoke = False
            self._session.background.asked(self._ask.conversation)
            stream = self._llm.reply(
                with_picture(self._messages(instructions), self._seen),
                schemas,
                tool_choice=self._ask.tool_choice,
                max_tokens=self._ask.max_tokens,
            )
            async with aclosing(stream):
                async for part in stream:
                    match part:
                        case TextDelta(text):
                            spoke = spoke or bool(text.strip())
                            yield text
                        case ToolCall():
                            calls.append(part)
                        case Usage(read, written):
                            self._count(read, written)
            if not calls:
                return
            running = asyncio.create_task(self._run_calls(calls), name="tools")
            try:
                if not spoke and not (await asyncio.wait((running,), timeout=MOMENT_S))[0]:
                    for line in filter(None, (self._toolbox.line(c.name) for c in calls)):
                        yield line + " "
                        break
                goes_on = await running
            finally:
                running.cancel()
            if not goes_on or self._session.cast.agent is not self.agent:
                return
            self._round_over = True
        raise AgentError(f"The model asked for tools {MOST_ROUNDS} times in one turn; stopped.")

    async def _run_calls(self, calls: list[ToolCall]) -> bool:
        """Run the agent's tools; False where the client has to go on."""
        goes_on = True
        for call in calls:
            if self.is_clients(call.name):
                self._calls.append(ClientCall(call.id, call.name, call.arguments))
                goes_on = False
        ours = [c for c in calls if self._toolbox.has(c.name) or not self._is_others(c.name)]
        theirs = [c for c in calls if c not in ours and self._remote.has(c.name)]
        try:
            outputs, made = await asyncio.gather(
                asyncio.gather(*(self._toolbox.run(c.name, c.arguments, c.id) for c in ours)),
                asyncio.gather(*(self._remote.run(c.name, c.arguments) for c in theirs)),
            )
        except asyncio.CancelledError:
            self._toolbox.stopped()
            raise
        talk = self._ask.conversation
        for call in ours:
            item = Item(
                fresh("item"), "function_call",
                name=call.name, call_id=call.id, arguments=call.arguments,
            )  # fmt: skip
            talk.add(item, hidden=True)
        for call, output in zip(ours, outputs, strict=True):
            item = Item(fresh("item"), "function_call_output", call_id=call.id, output=output)
            talk.add(item, hidden=True)
        self._toolbox.settled()
        return goes_on and all(made)

    def _is_others(self, name: str) -> bool:
        return self.is_clients(name) or self._remote.has(name)

    def _messages(self, instructions: str) -> list[Message]:
        if self._ask.items is not None:
            return chat_messages(self._ask.items, instructions)
        return self._ask.conversation.messages(instructions)

    def _look_tool(self) -> Tool:
        async def look() -> str:
            """See what the user's camera or shared screen shows right now."""
            self._seen = await self.look(LOOK_S)
            if self._seen is None:
                return "There is nothing to be seen; the camera may be off."
            return "The next message has the picture."

        return Tool.of(look, safe=True, timeout=LOOK_S * 3, injected=())

    def _count(self, read: int, written: int) -> None:
        self.usage["input_tokens"] = self.usage.get("input_tokens", 0) + read
        self.usage["output_tokens"] = self.usage.get("output_tokens", 0) + written


def _stalled(seconds: float) -> AgentError:
    return AgentError(
        f"@agent.reply yielded nothing for {seconds:g} s; have it yield None while it works on, or "
        "raise Agent(reply_timeout=…).",
        code="agent_stalled",
    )


def _checked(piece: Any) -> Piece:
    if isinstance(piece, (str, Audio, Image, Say, ClientCall)):
        return piece
    raise AgentError(
        f"The agent's reply yielded {type(piece).__name__}; yield str, Audio, Image, Say or None."
    )


async def _run(result: Any) -> AsyncGenerator[Spoken]:
    """An async generator, a plain one or a coroutine, all as an async generator."""
    if inspect.isasyncgen(result):
        async with aclosing(cast("AsyncGenerator[Spoken]", result)) as stream:
            async for piece in stream:
                yield piece
    elif inspect.isgenerator(result):
        async for piece in _threaded(cast("Generator[Spoken]", result)):
            yield piece
    elif inspect.isawaitable(result):
        yield await result
    else:
        raise AgentError("@agent.reply needs a generator, an async generator or a coroutine.")


async def _threaded(generator: Generator[Spoken]) -> AsyncGenerator[Spoken]:
    over = object()
    step = None
    try:
        while True:
            step = _threads.submit(next, generator, over)
            piece = await asyncio.wrap_future(step)
            if piece is over:
                return
            yield cast(Spoken, piece)
    finally:
        # A thread cannot be stopped from outside: the generator is closed at its next yield.
        if step is not None:
            step.add_done_callback(lambda _: generator.close())
