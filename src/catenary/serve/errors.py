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
UNSUPPORTED = Kind(400, "invalid_request_error", "unsupported_parameter")
BLOCKED = Kind(400, "invalid_request_error", "content_filter")
NO_PREVIOUS = Kind(400, "invalid_request_error", "previous_response_not_found")
NO_KEY = Kind(401, "authentication_error", "invalid_api_key")
NOT_ALLOWED = Kind(403, "permission_error", "permission_denied")
INPUT_TOO_LONG = Kind(400, "invalid_request_error", "context_length_exceeded")
NO_ROUTE = Kind(404, "invalid_request_error", "not_found")
NO_MODEL = Kind(404, "invalid_request_error", "model_not_found")
NO_RECEIPT = Kind(404, "invalid_request_error", "receipt_not_found")
NO_COMPLETION = Kind(404, "invalid_request_error", "completion_not_found")
NO_RESPONSE = Kind(404, "invalid_request_error", "response_not_found")
WRONG_METHOD = Kind(405, "invalid_request_error", "method_not_allowed")
TOO_LARGE = Kind(413, "invalid_request_error", "request_too_large")
WRONG_CONTENT_TYPE = Kind(415, "invalid_request_error", "unsupported_media_type")
CLIENT_GONE = Kind(499, "client_closed_request")  # logged only: nobody is there to read it
TOO_FAST = Kind(429, "rate_limit_error", "rate_limit_exceeded")
SPENT = Kind(429, "insufficient_quota", "insufficient_quota")
FAULT = Kind(500, "server_error")
ENGINE_GONE = Kind(503, "server_overloaded", "server_overloaded")
UPSTREAM_GONE = Kind(503, "server_overloaded", "server_overloaded")
OVERLOADED = Kind(503, "server_overloaded", "server_overloaded")

RETRY_AFTER_SECONDS = 1


class ApiError(CatenaryError):
    """A refusal of one request; `param` names the part of the request that is at fault.

    `retry_after_seconds` is told to the client, which waits so long before it tries again.
    """

    def __init__(
        self,
        what: str,
        kind: Kind,
        *,
        param: str | None = None,
        retry_after_seconds: int | None = None,
        **values: Any,
    ) -> None:
        super().__init__(what, **values)
        self.kind = kind
        self.param = param
        self.retry_after_seconds = retry_after_seconds


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


def headers(kind: Kind, retry_after_seconds: int | None = None) -> dict[str, str]:
    """The headers that tell a client whether and when to try again."""
    told = {}
    if kind.status == 503 or retry_after_seconds is not None:
        told["Retry-After"] = str(retry_after_seconds or RETRY_AFTER_SECONDS)
    if kind is SPENT:  # tomorrow, not now: without this the official client asks three times
        told["x-should-retry"] = "false"
    if kind is NO_KEY:
        told["WWW-Authenticate"] = "Bearer"
    return told
