"""The public agent API: Agent, Session, Turn.

Three nouns and three values (`values.py`) are all that agent code sees. Nothing here knows how
sound travels; `session/` runs what is declared here.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any, Literal, Protocol, TypeVar

from .errors import AgentError
from .tool import Tool
from .tool_server import ToolServer
from .values import Audio, Image, Interruptions, Say

TurnTaking = Literal["eager", "normal", "patient", "push_to_talk"]
Spoken = str | Audio | Image | Say | None
Expected = Literal["number", "word", "story"]
Vision = Literal["on_request", "every_turn"] | float
F = TypeVar("F", bound=Callable[..., Any])


class Words(Protocol):
    """What the user said so far in a turn."""

    @property
    def text(self) -> str: ...
    @property
    def final(self) -> bool: ...


class Call(Protocol):
    """What a running conversation offers to the agent's code; `session.Session` is one."""

    @property
    def id(self) -> str: ...
    @property
    def user(self) -> str | None: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def state(self) -> dict[str, Any]: ...
    async def say(self, what: str | Audio | Say) -> str: ...
    async def interrupt(self) -> str: ...
    async def send(self, name: str, data: Any) -> None: ...
    async def show(self, image: Image) -> bool: ...
    async def finish(self, say: str | None) -> None: ...
    async def listen_for(self, what: str | dict[str, Any]) -> None: ...
    async def handoff(self, agent: Agent | str) -> None: ...
    def words(self) -> AsyncIterable[Words]: ...
    def audio(self) -> AsyncIterable[Audio]: ...


class Exchange(Protocol):
    """What one turn offers to the agent's code; `session.reply.Reply` is one."""

    @property
    def text(self) -> str: ...
    @property
    def audio(self) -> Audio | None: ...
    @property
    def messages(self) -> list[dict[str, Any]]: ...
    @property
    def tools(self) -> list[dict[str, Any]]: ...
    @property
    def heard(self) -> str: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def timings(self) -> dict[str, float]: ...
    @property
    def usage(self) -> dict[str, int]: ...
    def answer(
        self, instructions: str | None, tools: list[dict[str, Any]] | None
    ) -> AsyncIterator[str]: ...
    async def call(self, name: str, args: Mapping[str, Any]) -> Any: ...
    async def look(self, seconds: float) -> Image | None: ...


class Session:
    """One conversation; it outlives reconnects. Use from the event loop's thread."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def id(self) -> str:
        return self._call.id

    @property
    def user(self) -> str | None:
        """Who is calling, from the client secret that your backend minted."""
        return self._call.user

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What your backend put beside the user when it minted the client secret."""
        return self._call.metadata

    @property
    def state(self) -> dict[str, Any]:
        """Yours to fill; keep it JSON, so that it can survive a resume."""
        return self._call.state

    async def say(self, what: str | Audio | Say) -> str:
        """Speak now, unasked; returns what was heard of it."""
        return await self._call.say(what)

    async def interrupt(self) -> str:
        """Fall silent now, whatever is being said; returns what was heard of it.

        This is how a model that owns the floor (`@agent.live`) gives way. Not from within a reply,
        which ends by returning.
        """
        return await self._call.interrupt()

    async def send(self, name: str, data: Any) -> None:
        """Send application data to the client; its `message` handler gets (name, data).

        It is sent as it is now, whatever becomes of it later. AgentError where it is no JSON.
        """
        await self._call.send(name, data)

    async def end(self, say: str | None = None) -> None:
        """End the call, after saying `say` where it is given."""
        await self._call.finish(say)

    async def show(self, image: Image) -> bool:
        """Show a picture on the agent's video track; it stays until the next one.

        A lossy WebP goes out as it is; `talkover[images]` opens others. False: this caller has no
        video (a call by voice alone, a WebSocket). AgentError for what is no picture, or too large.
        """
        return await self._call.show(image)

    async def handoff(self, agent: Agent | str) -> None:
        """Give the call to another agent that is served here, itself or by its name.

        The conversation is kept; instructions, tools, voice and engines are the new one's from the
        next reply on, and its `@agent.start` runs. From within a tool or a reply: that reply ends
        with what it has said, and the new agent answers. AgentError where it is not served.
        """
        await self._call.handoff(agent)

    async def listen_for(self, what: Expected | dict[str, Any]) -> None:
        """Say what the user is about to say, so that their next turn is waited out as it needs.

        "number": digits or letters, said in groups with pauses; "word": a yes, a name; "story":
        something long, with pauses to think. Or turn settings, as `Agent(turns={…})` has them.
        """
        await self._call.listen_for(what)

    def words(self) -> AsyncIterable[Words]:
        """What the user says as it is understood: `text` so far; `final` at a turn's end."""
        return self._call.words()

    def audio(self) -> AsyncIterable[Audio]:
        """The user's sound as it comes: 16 kHz mono, 20 ms each. A slow reader loses the oldest."""
        return self._call.audio()


class Turn:
    """One thing that the user said or typed, and the answer to it."""

    __slots__ = ("_exchange", "session")

    def __init__(self, exchange: Exchange, session: Session) -> None:
        self._exchange = exchange
        self.session = session

    @property
    def text(self) -> str:
        return self._exchange.text

    @property
    def audio(self) -> Audio | None:
        """How it sounded, 16 kHz mono; None where it was typed."""
        return self._exchange.audio

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation as chat messages, already cut to what was heard."""
        return self._exchange.messages

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the agent's tools, in the chat-completions form."""
        return self._exchange.tools

    @property
    def heard(self) -> str:
        """What of the answer the user heard (in `@agent.after`)."""
        return self._exchange.heard

    @property
    def interrupted(self) -> bool:
        return self._exchange.interrupted

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds by stage; they add up to `total`, the silence that the user heard.

        docs/observability.md names the stages; one that nobody could measure is left out.
        """
        return self._exchange.timings

    @property
    def usage(self) -> dict[str, int]:
        return self._exchange.usage

    def answer(
        self, instructions: str | None = None, tools: list[dict[str, Any]] | None = None
    ) -> AsyncIterator[str]:
        """The default brain's answer, piece by piece; tools are run on the way."""
        return self._exchange.answer(instructions, tools)

    async def call(self, name: str, args: Mapping[str, Any]) -> Any:
        """Run one of the agent's tools, logged like any other tool call."""
        return await self._exchange.call(name, args)

    async def look(self, timeout: float = 1) -> Image | None:  # noqa: ASYNC109 - the public name
        """What the camera or the shared screen shows now, as WebP.

        None where it is off (as on a WebSocket, always), or no picture comes within `timeout`
        seconds. `at` is when it was taken, on the clock of the session's facts.
        """
        return await self._exchange.look(timeout)


Instructions = str | Callable[[Session], str | Awaitable[str]]
"""A function of the session, plain or async, is asked for each reply."""
Reply = Callable[[Turn], AsyncIterator[Spoken] | Iterator[Spoken] | Awaitable[Spoken]]


class Agent:
    """Who answers: instructions, engines, policy, and your functions.

    `instructions` as a function of the session, plain or async, are asked for anew in each reply.
    `mcp` are MCP servers, whose tools are the agent's: URLs, command lines, or dicts as
    docs/tools.md has them. `llm`, `stt`, `tts` are engine names or URLs; left out, the
    configuration decides, then the embedded demo. `turns` is a preset's name or a dict of turn
    settings. `client_may` names what a client's session.update may change beside audio and turn
    settings. `vision` is when the default brain sees the camera: "on_request" gives the model a
    tool `look`, "every_turn" a picture with each turn, a number of seconds the newest of pictures
    taken so often. `noise_suppression` cleans what the recogniser hears, unless the client says
    otherwise (`audio.input.noise_reduction`). `apology` is said where an answer fails; one by
    `@agent.reply` has failed where nothing is yielded for `reply_timeout` seconds (None: never).
    """

    def __init__(
        self,
        instructions: Instructions = "",
        *,
        llm: str | list[str] | None = None,
        model: str | None = None,
        api_key: str | None = None,
        stt: str | list[str] | None = None,
        tts: str | list[str] | None = None,
        s2s: str | None = None,
        voice: str | None = None,
        language: str = "en",
        greeting: str | None = None,
        interruptions: Interruptions = "yes",
        turns: TurnTaking | dict[str, Any] = "normal",
        vision: Vision = "on_request",
        noise_suppression: bool = False,
        mcp: Sequence[str | Mapping[str, Any] | object] = (),
        client_may: tuple[str, ...] = ("voice",),
        apology: str = "Sorry, something went wrong on my side. Please try again.",
        reply_timeout: float | None = 30.0,
    ) -> None:
        if interruptions not in ("yes", "no", "overlap"):
            raise AgentError(f'interruptions={interruptions!r}: use "yes", "no" or "overlap".')
        if isinstance(turns, str) and turns not in ("eager", "normal", "patient", "push_to_talk"):
            raise AgentError(
                f'turns={turns!r}: use "eager", "normal", "patient", "push_to_talk" or a dict.'
            )
        if vision not in ("on_request", "every_turn") and not _is_pace(vision):
            raise AgentError(
                f'vision={vision!r}: use "on_request", "every_turn" or seconds from 0.5 to 3600.'
            )
        self.instructions = instructions
        self.llm, self.stt, self.tts = _in_order(llm), _in_order(stt), _in_order(tts)
        self.s2s, self.model, self.api_key = s2s, model, api_key
        self.voice, self.language = voice, language
        self.greeting = greeting
        self.interruptions: Interruptions = interruptions
        self.turns: TurnTaking | dict[str, Any] = turns
        self.vision: Vision = vision
        self.noise_suppression = noise_suppression
        if isinstance(mcp, str):
            raise AgentError(f"mcp={mcp!r}: give a list, [{mcp!r}].")
        self.mcp = [ToolServer.of(given) for given in mcp]
        self.client_may = client_may
        self.apology = apology
        if reply_timeout is not None and not reply_timeout > 0:
            raise AgentError(
                f"reply_timeout={reply_timeout!r}: give seconds, or None for no limit."
            )
        self.reply_timeout = reply_timeout
        self.tools: dict[str, Tool] = {}
        self.on_start: Callable[[Session], Awaitable[None]] | None = None
        self.on_end: Callable[[Session, str], Awaitable[None]] | None = None
        self.on_reply: Reply | None = None
        self.speculative = False
        self.on_live: Callable[[Session], AsyncGenerator[Spoken]] | None = None
        self.on_after: Callable[[Turn], Awaitable[None]] | None = None
        self.on_message: dict[str, Callable[[Session, Any], Awaitable[None]]] = {}

    def run(self) -> None:
        """Serve this agent; the same as `talkover serve file.py:agent`. Blocks."""
        from .cli.run import run_agent

        run_agent(self)

    def start(self, function: F) -> F:
        """Run `async def (session)` when a conversation begins."""
        self.on_start = function
        return function

    def end(self, function: F) -> F:
        """Run `async def (session, reason)` when a conversation has ended."""
        self.on_end = function
        return function

    def reply(self, function: Reply | None = None, *, speculative: bool = False) -> Any:
        """Bring your own brain: (turn) -> async generator, generator or coroutine.

        `speculative=True`: it has no side effects, so that it may be run for a turn that only
        seems to be over, and be cancelled unheard when the user goes on.
        """

        def register(function: Reply) -> Reply:
            self.on_reply, self.speculative = function, speculative
            return function

        return register if function is None else register(function)

    def after(self, function: F) -> F:
        """Run `async def (turn)` when an answer has been heard or interrupted."""
        self.on_after = function
        return function

    def on(self, name: str) -> Callable[[F], F]:
        """Run `async def (session, data)` for application data called `name`."""

        def register(function: F) -> F:
            self.on_message[name] = function
            return function

        return register

    def live(self, function: F) -> F:
        """No turns: an async generator (session) that may speak while the user speaks.

        It listens by `session.words()` or `session.audio()` and yields what to say. What the user
        says interrupts nothing; the generator decides, and falls silent by `session.interrupt()`.
        Speech-to-speech models that own the floor plug in here: `agent.live(model.converse)`.
        """
        self.on_live = function
        return function

    def tool(
        self,
        function: Callable[..., Any] | None = None,
        *,
        safe: bool = False,
        background: bool = False,
        timeout: float | None = None,
        say: str | None = None,
        confirm: bool = False,
    ) -> Any:
        """Let the model call this function; type hints and docstring make the schema.

        `safe`: it has no effects, so that it may run before the turn is surely over. `background`:
        the agent talks on, and tells the result when it is there. `timeout`: seconds, 10 or in the
        background 600. `say`: what is said where it takes more than a moment. `confirm`: it runs
        only after the user agreed to exactly this. docs/tools.md has the rules.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            made = Tool.of(
                function, injected=(Turn, Session), safe=safe, timeout=timeout, say=say,
                background=background, confirm=confirm,
            )  # fmt: skip
            self.tools[made.name] = made
            return function

        return register if function is None else register(function)


def _in_order(engines: str | list[str] | None) -> str | None:
    """Several engines as settings write them."""
    return ",".join(engines) if isinstance(engines, list) else engines


def _is_pace(vision: object) -> bool:
    # To Python, True is a number.
    return isinstance(vision, int | float) and vision is not True and 0.5 <= vision <= 3600
