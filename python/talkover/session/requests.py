"""What a client asks of a session, done at once; what is wrong with it is a BadEvent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from ..protocol import commands as c
from ..protocol import facts as f
from ..protocol.config import McpTool, changed_keys
from ..protocol.errors import BadEvent
from ..protocol.ids import fresh
from ..protocol.items import Item, Part
from ..protocol.realtime import Codec
from ..turn import inputs as i
from .account import ClientPart
from .aside import Asides, Attach
from .client_sound import ClientSound
from .intake import Intake

if TYPE_CHECKING:
    from .session import Session

_FREE = ("audio.input", "audio.output.format", "audio.output.speed", "output_modalities", "type")
_UNASKED = ("due", "say", "aside", "backchannel")
"""What the agent said of its own accord gives way to what the client asks for."""
_FREE_TOO = (
    "tool_choice", "parallel_tool_calls", "max_output_tokens", "include", "tracing", "truncation",
    "reasoning", "model",
)  # fmt: skip
SHORTEST_S = 0.1
"""Of sound that a client commits by itself."""
TOO_LONG_MS = 250
"""Clients reckon a little more than there was; beyond this they speak of something else."""

MOST_HELD_BACK_MS = 5000
SINCE_1970_S = time.time() - time.monotonic()
"""Taken once, as the media plane does for its reports: a clock that is set right later is not."""


class Requests:
    """Belongs to one session."""

    def __init__(self, session: Session, attach: Attach) -> None:
        self._session = session
        self.decode = Codec(extensions=True, audio_events=False).decode
        """Of the data channel's dialect."""
        self._deferred: list[c.CreateResponse] = []
        self.intake = Intake(session.peer, self._at_last)
        self._asides = Asides(session, attach)
        self._sound = ClientSound(session)

    def text(self, text: str) -> None:
        """A message on the data channel."""
        try:
            command = self.decode(text)
        except BadEvent as error:
            self._session.refuse(error)
            return
        self._session.submit(command)

    def submit(self, command: c.Command) -> None:
        """Do it, or as soon as what was sent before it is done. BadEvent."""
        if isinstance(command, c.AppendAudio):
            self._append(command)
        else:
            self.intake.take(command)

    def close(self) -> None:
        self.intake.close()
        self._asides.close()

    def _at_last(self, command: c.Command) -> None:
        try:
            self._handle(command)
        except BadEvent as error:
            self._session.refuse(error)

    def _handle(self, command: c.Command) -> None:
        session = self._session
        match command:
            case c.UpdateSession():
                self._update(command)
            case c.CommitInput():
                self._commit(command)
            case c.ClearInput():
                session.tell(i.Clear())
                session.hearing.ear.reset()
                session.emit(f.InputCleared())
            case c.ClearOutput():
                session.stop()
            case c.CreateItem() | c.RetrieveItem() | c.TruncateItem() | c.DeleteItem():
                self._item(command)
            case c.CreateResponse():
                self._create(command)
            case c.CancelResponse():
                self._cancel(command)
            case c.AppMessage():
                self._message(command)
            case c.AppendAudio():
                self._append(command)
            case c.AppendText():
                self._append_text(command)
            case c.TellTimings():
                self._account(command)
            case c.MuteInput(on, event_id):
                session.mute.set("client", on)
                session.emit(f.Muted(on, event_id))
            case c.PlaySound():
                self._sound.play(command)
            case c.Speak(text):
                session.spawn(session.sayings.say(text, operator=True), "say")
            case c.TakeOver(on):
                session.takeover.set(on)
            case c.HumanVoice(sound):
                session.takeover.voice(sound)
            case c.CloseSession():
                session.spawn(session.end("a client closed the session"), "close")
            case c.Moving():
                session.departure.begin(command)
            case c.Resume():
                raise BadEvent(
                    "This leg has its session already; only one made with ?waiting=true resumes.",
                    code="invalid_value",
                    event_id=command.event_id,
                )

    def reply_over(self) -> None:
        """A response that waited for the last one to be heard may begin."""
        if self._deferred and not self._session.ended:
            self._start(self._deferred.pop(0))

    def _append(self, command: c.AppendAudio) -> None:
        session = self._session
        if session.transport != "websocket":
            raise BadEvent(
                "This call's audio comes over WebRTC; input_audio_buffer.append is for WebSocket.",
                code="invalid_event_for_transport",
                event_id=command.event_id,
            )
        self.intake.append(command, session.config.audio.input.format)

    def _update(self, command: c.UpdateSession) -> None:
        session = self._session
        patch = allowed(command.patch, session.client_may, session.locked)
        session.config = session.config.merge(patch, event_id=command.event_id)
        if any(key.startswith("audio.input") or key == "type" for key in changed_keys(patch)):
            session.apply_policy()
        session.emit(f.SessionUpdated(session.shown(), command.event_id))
        if "tools" in patch:
            session.remotes.update()
        if session.duplex is not None and patch.keys() & {"tools", "instructions"}:
            session.duplex.updated()

    def _commit(self, command: c.CommitInput) -> None:
        session = self._session
        hearing = session.hearing
        if not hearing.has_input or (hearing.manual and hearing.ear.seconds < SHORTEST_S):
            raise BadEvent(
                "There is no speech to commit; send at least 100 ms of audio first.",
                code="input_audio_buffer_commit_empty",
                event_id=command.event_id,
            )
        session.tell(i.Commit())

    def _item(self, command: c.CreateItem | c.RetrieveItem | c.TruncateItem | c.DeleteItem) -> None:
        session = self._session
        talk = session.conversation
        if isinstance(command, c.CreateItem):
            self._check_approval(command)
            try:
                previous = talk.add(command.item, command.previous)
            except BadEvent as error:
                raise _with_id(error, command.event_id) from None
            session.emit(f.ItemAdded(command.item, previous))
            session.emit(f.ItemDone(command.item, previous))
            session.hearing.listen_to(command.item)
            if session.duplex is not None:
                session.duplex.written(command.item)
            if command.item.type == "mcp_approval_response":
                # The call is made, or its refusal spoken of, in an answer that nobody asks for.
                session.takeover.due()
            return
        item = talk.get(command.item)
        if item is None:
            verb = type(command).__name__.removesuffix("Item").lower()
            raise BadEvent(
                f"There is no item {command.item!r} to {verb}.",
                code=f"item_{verb}_invalid_item_id",
                param="item_id",
                event_id=command.event_id,
            )
        match command:
            case c.RetrieveItem():
                session.emit(f.ItemRetrieved(item))
            case c.DeleteItem():
                talk.delete(item.id)
                session.emit(f.ItemDeleted(item.id))
            case c.TruncateItem():
                self._truncate(command, item)

    def _check_approval(self, command: c.CreateItem) -> None:
        if command.item.type != "mcp_approval_response" or command.item.mcp is None:
            return
        id, talk = command.item.mcp["approval_request_id"], self._session.conversation
        request = talk.get(id)
        if request is None or request.type != "mcp_approval_request" or talk.approval(id):
            raise BadEvent(
                f"There is no approval request {str(id)[:80]!r} that waits for an answer.",
                code="invalid_value",
                param="item.approval_request_id",
                event_id=command.event_id,
            )

    def _truncate(self, command: c.TruncateItem, item: Item) -> None:
        self._check_truncation(command, item)
        session, played = self._session, command.audio_end_ms
        live = session.live_reply
        if live is not None and live.holds(item.id):
            # The client stopped its playback there: the reply ends with it.
            live.limit(item.id, played)
            session.tell(i.CancelReply())
            return
        over = session.reply_of(item.id)
        if over is not None:
            sent, length = over.sent_ms(item.id), over.length_ms(item.id)
            if played > length + TOO_LONG_MS:
                raise BadEvent(
                    f"Audio content of {length}ms is already shorter than {played}ms.",
                    code="invalid_value",
                    param="audio_end_ms",
                    event_id=command.event_id,
                )
            played = over.cut_again(item.id, played) if played < sent else sent
        session.emit(f.ItemTruncated(item.id, command.content_index, played))

    def _check_truncation(self, command: c.TruncateItem, item: Item) -> None:
        def refused(message: str, code: str, param: str) -> BadEvent:
            return BadEvent(message, code=code, param=param, event_id=command.event_id)

        if item.role != "assistant":
            message = "Only model output audio messages can be truncated."
            raise refused(message, "invalid_value", "item_id")
        if not 0 <= command.content_index < len(item.content):
            message = f"The item has no content at index {command.content_index}."
            raise refused(message, "invalid_value", "content_index")
        if item.content[command.content_index].type != "output_audio":
            message = "There is no audio in this content to truncate."
            raise refused(message, "unsupported_content_type", "content_index")

    def _append_text(self, command: c.AppendText) -> None:
        self._sound.check_silent(command.event_id)
        if command.purpose == "commentary":
            self._check_responds(command.event_id)
        session, talk = self._session, self._session.conversation
        part = Part("input_text", text=command.text)
        item = Item(fresh("item"), "message", "system", (part,))
        if command.delegation is not None:
            self._check_delegation(command)
            if not talk.is_answered(command.delegation):
                item = Item(
                    fresh("item"), "function_call_output",
                    call_id=command.delegation, output=command.text,
                )  # fmt: skip
        previous = talk.add(item)
        session.emit(f.ItemAdded(item, previous))
        session.emit(f.ItemDone(item, previous))
        session.emit(f.Appended(command.purpose, command.event_id))
        if session.duplex is not None:
            session.duplex.written(item)
        if command.purpose == "commentary":
            self._speak_next(c.CreateResponse())

    def _check_delegation(self, command: c.AppendText) -> None:
        id = command.delegation
        if not any(item.call_id == id for item in self._session.conversation.calls()):
            raise BadEvent(
                f"There is no delegation {id!r} to a client; leave delegation_id null for the "
                "session as a whole.",
                code="delegation_not_found",
                param="delegation_id",
                event_id=command.event_id,
            )

    def _speak_next(self, command: c.CreateResponse) -> None:
        """Have the agent speak now, or as soon as it has said what it is saying."""
        if self._session.live_reply is None or self._session.machine.cause in _UNASKED:
            self._start(command)
        elif not self._deferred:
            self._deferred.append(command)
        # One that waits already will speak of everything that was told until then.

    def _create(self, command: c.CreateResponse) -> None:
        session = self._session
        self._check_responds(command.event_id)
        params = command.params
        self._check_input(command)
        written = (params.modality or session.config.modality) == "text"
        if not params.conversation and (written or session.transport == "websocket"):
            self._asides.start(command)
            return
        live = session.live_reply
        if live is None or session.machine.cause in _UNASKED:
            self._start(command)
        elif live.made and len(self._deferred) < 8:
            # It is thought up and only waits to be heard out; the next one follows it.
            self._deferred.append(command)
        else:
            raise BadEvent(
                f"Conversation already has an active response in progress: {live.id}. "
                "Wait until it is done, or cancel it, before you create another.",
                code="conversation_already_has_active_response",
                event_id=command.event_id,
            )

    def _check_responds(self, event_id: str | None) -> None:
        if self._session.takeover.on:
            raise BadEvent(
                "A human has taken this call over; the agent answers again once it is handed back.",
                code="taken_over",
                event_id=event_id,
            )
        if self._session.config.type == "transcription":
            raise BadEvent(
                "A transcription session gives no responses.",
                code="invalid_value",
                param="type",
                event_id=event_id,
            )

    def _check_input(self, command: c.CreateResponse) -> None:
        known = {t.server_label for t in self._session.config.tools if isinstance(t, McpTool)}
        for tool in command.params.tools or ():
            if isinstance(tool, McpTool) and tool.server_label not in known:
                raise BadEvent(
                    f"The session has no MCP server {tool.server_label!r}; name it in "
                    "session.update first, and by its label here.",
                    code="invalid_value",
                    param="response.tools",
                    event_id=command.event_id,
                )
        for n, entry in enumerate(command.params.input or ()):
            if isinstance(entry, str) and entry not in self._session.conversation:
                raise BadEvent(
                    f"There is no item {entry!r} to refer to.",
                    code="invalid_value",
                    param=f"response.input[{n}].id",
                    event_id=command.event_id,
                )

    def _start(self, command: c.CreateResponse) -> None:
        self._session.ask(command.params)
        self._session.tell(i.Create())

    def _cancel(self, command: c.CancelResponse) -> None:
        if command.reply is not None and self._asides.cancel(command.reply):
            return
        live = self._session.live_reply
        if live is None or command.reply not in (None, live.id):
            raise BadEvent(
                "Cancellation failed: no active response found.",
                code="response_cancel_not_active",
                event_id=command.event_id,
            )
        self._session.stop()

    def _account(self, command: c.TellTimings) -> None:
        reply = self._session.reply(command.reply)
        if reply is None or reply.stamps.audible is None:
            raise BadEvent(
                f"There is no response {command.reply!r}, or it is forgotten already; tell of one "
                "within the next few.",
                code="invalid_value",
                param="response_id",
                event_id=command.event_id,
            )
        ago = SINCE_1970_S + time.monotonic() - command.heard_at_ms / 1000
        buffer_ms = (self._session.clock() - ago - reply.stamps.audible) * 1000
        if command.capture_ms > MOST_HELD_BACK_MS or abs(buffer_ms) > MOST_HELD_BACK_MS:
            raise BadEvent(
                f"A client holds sound back for {MOST_HELD_BACK_MS} ms at most; tell milliseconds, "
                "and those of the server's clock.",
                code="invalid_value",
                event_id=command.event_id,
            )
        reply.stamps.client = ClientPart(command.capture_ms, max(0.0, buffer_ms))
        self._session.tell_timings(reply)

    def _message(self, command: c.AppMessage) -> None:
        session = self._session
        function = session.cast.agent.on_message.get(command.name)
        if function is None:
            known = ", ".join(sorted(session.cast.agent.on_message)) or "none"
            raise BadEvent(
                f"The agent takes no message {command.name!r}; it takes: {known}.",
                code="invalid_value",
                param="name",
                event_id=command.event_id,
            )
        session.spawn(function(session.facade, command.data), f"on({command.name})")


def allowed(
    patch: dict[str, Any], client_may: tuple[str, ...] | None, locked: frozenset[str]
) -> dict[str, Any]:
    """What of a client's patch counts. `client_may` None: all of it but what is locked.

    Stock clients send their whole session, defaults and all, so that the rest is left out in
    silence; `session.updated` shows what is in force.
    """
    _check_servers(patch, client_may)
    names = tuple("audio.output.voice" if n == "voice" else n for n in client_may or ())
    free = (*_FREE, *_FREE_TOO, *names)

    def may(key: str) -> bool:
        inside = client_may is None or any(
            key == name or key.startswith(name + ".") for name in free
        )
        return inside and key not in locked

    return _filtered(patch, "", may)


def _check_servers(patch: dict[str, Any], client_may: tuple[str, ...] | None) -> None:
    if client_may is None or "tools" not in client_may or "mcp" in client_may:
        return
    tools = cast("list[Any]", patch["tools"]) if isinstance(patch.get("tools"), list) else []
    kinds = [cast("dict[str, Any]", tool).get("type") for tool in tools if isinstance(tool, dict)]
    if "mcp" in kinds:
        raise BadEvent(
            "Clients name no MCP servers here; the agent may have them itself, or allow it by "
            'client_may=("tools", "mcp").',
            code="invalid_value",
            param="session.tools",
        )


def _filtered(patch: dict[str, Any], prefix: str, may: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in patch.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name in ("audio", "audio.input", "audio.output"):
            kept[key] = _filtered(value, f"{name}.", may)  # pyright: ignore[reportUnknownArgumentType]  JSON
        elif may(name):
            kept[key] = value
    return kept


def _with_id(error: BadEvent, event_id: str | None) -> BadEvent:
    error.event_id = event_id
    return error
