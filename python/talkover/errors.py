"""Errors that a person using Talkover can cause, each saying what to do next."""

from __future__ import annotations


class TalkoverError(Exception):
    """Base of all errors raised on purpose.

    `str(error)` is one sentence that is safe to show to a client; `code` is stable and
    machine readable; `param` names the offending field where there is one.
    """

    code = "talkover_error"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code


class ConfigError(TalkoverError):
    """A setting, flag or environment variable that cannot be used."""

    code = "invalid_configuration"


class EngineError(TalkoverError):
    """An engine (speech recognition, model, speech synthesis) failed or cannot be reached."""

    code = "engine_error"


class AgentError(TalkoverError):
    """The developer's agent was written or called in a way that cannot work."""

    code = "agent_error"


class InputError(TalkoverError):
    """A client sent something that cannot be used."""

    code = "invalid_request_error"


class NotFound(TalkoverError):
    """What was asked for is not there, or not the asker's."""

    code = "not_found"


class Busy(TalkoverError):
    """Whoever calls has as many calls as they may."""

    code = "rate_limit_exceeded"


class Full(TalkoverError):
    """No further call can be taken now."""

    code = "server_overloaded"
