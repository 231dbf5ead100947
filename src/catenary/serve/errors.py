"""Every answer that is no success, in the one envelope that OpenAI's clients read.

    {"error": {"message": str, "type": str, "param": str | null, "code": str | null}}

The table below is the whole contract; nothing leaves the server with another shape (the pattern of
https://platform.openai.com/docs/guides/error-codes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catenary.errors import CatenaryError, InvalidInput


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the contract: HTTP status, `type` and `code`."""

    status: int
    type: str
    code: str | None = None


INVALID_REQUEST = Kind(400, "invalid_request_error")
INPUT_TOO_LONG = Kind(400, "invalid_request_error", "context_length_exceeded")
NO_ROUTE = Kind(404, "invalid_request_error", "not_found")
NO_MODEL = Kind(404, "invalid_request_error", "model_not_found")
NO_RECEIPT = Kind(404, "invalid_request_error", "receipt_not_found")
WRONG_METHOD = Kind(405, "invalid_request_error", "method_not_allowed")
TOO_LARGE = Kind(413, "invalid_request_error", "request_too_large")
WRONG_CONTENT_TYPE = Kind(415, "invalid_request_error", "unsupported_media_type")
CLIENT_GONE = Kind(499, "client_closed_request")  # logged only: nobody is there to read it
FAULT = Kind(500, "server_error")
OVERLOADED = Kind(503, "server_overloaded", "server_overloaded")

RETRY_AFTER_SECONDS = 1


class ApiError(CatenaryError):
    """A refusal of one request; `param` names the part of the request that is at fault."""

    def __init__(self, what: str, kind: Kind, *, param: str | None = None, **values: Any) -> None:
        super().__init__(what, **values)
        self.kind = kind
        self.param = param


def kind_of(error: CatenaryError) -> Kind:
    """The row of the contract that an error falls under.

    Of the lower rooms' errors only InvalidInput is the client's; a NotFound there is a file of ours, not a route.
    """
    if isinstance(error, ApiError):
        return error.kind
    return INVALID_REQUEST if isinstance(error, InvalidInput) else FAULT


def envelope(kind: Kind, message: str, param: str | None = None) -> dict[str, Any]:
    """The body of an answer that is no success."""
    return {"error": {"message": message, "type": kind.type, "param": param, "code": kind.code}}


def headers(kind: Kind) -> dict[str, str]:
    """The headers that tell a client whether and when to try again."""
    return {"Retry-After": str(RETRY_AFTER_SECONDS)} if kind.status == 503 else {}
