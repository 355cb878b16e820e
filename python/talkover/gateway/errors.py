"""Errors as the OpenAI API shows them."""

from __future__ import annotations

import random

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..cluster.base import Fenced, LogUnavailable
from ..errors import Busy, Full, InputError, NotFound, TalkoverError
from ..media.port import OfferError
from ..protocol.errors import BadEvent
from .keys import Forbidden, Unauthorized

AGAIN_S = (1, 5)
"""Whoever finds no room is told to come again after so long, each another time."""


class HttpError(Exception):
    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


def shown(error: Exception) -> tuple[int, dict[str, object]]:
    """HTTP status and body; what is not ours tells nothing of itself."""
    match error:
        case HttpError():
            return error.status, _body(error.message, error.code, error.param)
        case Unauthorized():
            return 401, _body(error.message, error.code, None)
        case Forbidden():
            return 403, _body(error.message, error.code, None)
        case NotFound():
            return 404, _body(error.message, error.code, None)
        case Fenced():
            return 409, _body(error.message, error.code, None)
        case Busy():
            return 429, _body(error.message, error.code, None)
        case Full() | LogUnavailable():
            return 503, _body(error.message, error.code, None, "server_error")
        case InputError() | BadEvent():
            return 400, _body(error.message, error.code, error.param)
        case OfferError():
            return 400, _body(str(error), "invalid_offer", "sdp")
        case TalkoverError():
            return 500, _body(error.message, error.code, error.param, "server_error")
        case _:
            message = "The server failed; its log says why."
            return 500, _body(message, "internal_error", None, "server_error")


def _body(
    message: str, code: str | None, param: str | None, type: str = "invalid_request_error"
) -> dict[str, object]:
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def refusal(status: int, body: dict[str, object]) -> Response:
    again = {"Retry-After": str(random.randint(*AGAIN_S))} if status == 503 else {}
    return JSONResponse(body, status, again)


async def respond(_: Request, error: Exception) -> Response:
    return refusal(*shown(error))
