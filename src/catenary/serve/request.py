"""One request on its way: who asks what of which endpoint, and the receipt that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from catenary.serve.callers import Caller
from catenary.serve.gateway import Gateway, attempt_of, caller_of, opted_out, request_id_of
from catenary.serve.holding import HELD_HEADER
from catenary.serve.receipts import Receipt, new_receipt_id
from catenary.serve.served import Served
from catenary.serve.spans import tell_answered, tell_asked

STATUS_HEADER = "x-catenary-release-status"
RECEIPT_HEADER = "x-catenary-receipt"
CACHE_HEADER = "x-catenary-cache"


@dataclass(slots=True)
class Asking:
    """What every task has in common. `keep`: the endpoint, the key and the client let texts be kept."""

    gateway: Gateway
    served: Served
    caller: Caller
    task: str
    request_id: str
    attempt: int
    keep: bool
    app: str | None = None
    receipt_id: str = field(default_factory=new_receipt_id)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def of(
        cls, gateway: Gateway, request: Request, served: Served, task: str, *, store: bool = True
    ) -> Asking:
        """`store` False: the client says in its body that nothing be kept."""
        tell_asked(task, served.name)
        caller = caller_of(request)
        keep = served.keep_texts and caller.keeps_texts and store and not opted_out(request)
        app = served.app or request.headers.get("x-catenary-app", "")[:256] or None
        return cls(gateway, served, caller, task, request_id_of(request), attempt_of(request), keep, app)

    @contextmanager
    def counted(self, most_tokens: int) -> Iterator[Callable[[int], None]]:
        """Count the request against its key's rate and day; the tokens that it took are told to what this gives.

        Raises ApiError (429).
        """
        settle = self.gateway.callers.admit(self.caller, most_tokens)
        took = 0

        def tell(tokens: int) -> None:
            nonlocal took
            took = tokens

        try:
            yield tell
        finally:
            settle(took)

    def receipt(self, **values: Any) -> Receipt:
        """The receipt as it stands now."""
        spent = (values.get("input_tokens") or 0) + values.get("output_tokens", 0)
        made = Receipt(
            **{
                "id": self.receipt_id,
                "at": self.at,
                "task": self.task,
                "endpoint": self.served.name,
                "release": self.served.release,
                "status": self.served.status,
                "model_digest": self.served.model_digest,
                "app": self.app,
                "texts": (),
                "tokens": spent,
                "seconds": round(time.perf_counter() - self.started, 6),
                "key": self.caller.key_id,
                "request": self.request_id,
                "attempt": self.attempt,
                "upstream": self.served.upstream,
                **values,
            }
        )
        tell_answered(made)
        return made


def receipt_headers(receipt: Receipt) -> dict[str, str]:
    """What every answer says of where it comes from."""
    more: dict[str, str] = {} if receipt.cache is None else {CACHE_HEADER: receipt.cache}
    if receipt.outcome == "held":
        more[HELD_HEADER] = str(receipt.made["held"]["role"])
    return {STATUS_HEADER: receipt.status, RECEIPT_HEADER: receipt.id, **more}


def receipt_json(receipt_id: str, status: str) -> dict[str, str]:
    """The same, in a body."""
    return {"id": receipt_id, "trace_url": f"/v1/receipts/{receipt_id}/trace", "status": status}
