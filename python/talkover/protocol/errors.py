"""What a client is told about an event that cannot be used."""

from __future__ import annotations


class BadEvent(Exception):
    """A client event that is refused; the session goes on.

    `type`, `code`, `message`, `param` are the fields of the wire's error object; `event_id` is the
    client's own, where it sent one.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.event_id = event_id
        self.type = type
