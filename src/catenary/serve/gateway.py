"""The gateway: all that the routes stand on, in one value, so that a group of routes is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from fastapi import Request

from catenary.serve.admission import Admission
from catenary.serve.cache import Cache
from catenary.serve.callers import ANYONE, Caller, Callers
from catenary.serve.errors import NO_MODEL, ApiError
from catenary.serve.guard import OPEN, Guard
from catenary.serve.label import Label
from catenary.serve.ledger import Ledger
from catenary.serve.limits import Limits
from catenary.serve.metrics import Metrics
from catenary.serve.semantic_cache import SemanticCache
from catenary.serve.served import Served

GetReceipt = Callable[[str], Mapping[str, Any]]
"""The stored receipt with this id, as JSON values; raises NotFound."""

Trace = Callable[[str], Mapping[str, Any]]
"""All that the receipt with this id rests on, as JSON values; raises NotFound."""

AddFeedback = Callable[[str, str, Mapping[str, Any], str, str], int]
"""Keeps what a user said of an answer (receipt, kind, body, consent, licence); returns its number; raises NotFound."""

ReadUsage = Callable[[date | None, date | None], Sequence[Mapping[str, Any]]]
"""What keys used of models, a day each, from one day to another."""


ForgetReceipt = Callable[[str], None]
"""Removes the texts of the receipt with this id; digests and figures stay."""


@dataclass(slots=True)
class Traffic:
    """How many requests are being answered, whether all engines have been ready once, whether new ones are taken."""

    open: int = 0
    started: bool = False
    draining: bool = False


@dataclass(slots=True, kw_only=True)
class Gateway:
    """What the routes stand on. The functions may block; they are called outside the event loop."""

    endpoints: MutableMapping[str, Served]
    ledger: Ledger
    get_receipt: GetReceipt
    trace: Trace
    limits: Limits
    admission: Admission
    callers: Callers
    metrics: Metrics
    traffic: Traffic = field(default_factory=Traffic)
    guard: Guard = OPEN
    cache: Cache | None = None
    semantic_cache: SemanticCache | None = None
    label: Label | None = None
    add_feedback: AddFeedback | None = None
    read_usage: ReadUsage | None = None
    forget_texts: Callable[[], int] | None = None
    forget_receipt: ForgetReceipt | None = None

    def waits(self) -> list[str]:
        """The endpoints that cannot answer now: their engine is not ready, or one that they need."""
        down = {name for name, served in self.endpoints.items() if not served.engine.state.ready}
        waits = [
            name
            for name, served in self.endpoints.items()
            if name in down or not down.isdisjoint(served.needs)
        ]
        self.traffic.started = self.traffic.started or not waits
        return waits

    def endpoint(self, name: str, *tasks: str, caller: Caller, param: str | None = "model") -> Served:
        """The endpoint, or ApiError: 404 `model_not_found`, 403 where the key is not for it, 400 for another task."""
        served = self.endpoints.get(name)
        if served is None:
            from catenary.serve.body import shown

            raise ApiError("There is no model named {name}.", NO_MODEL, param=param, name=shown(name))
        caller.require_model(name)
        if tasks and served.task not in tasks:
            raise ApiError(
                "The model {name} does not do this.",
                NO_MODEL,
                param=param,
                name=name,
                got=served.task,
            )
        return served


def caller_of(request: Request) -> Caller:
    """Who asks, as the frame found out."""
    found = request.scope.get("catenary.caller", ANYONE)
    assert isinstance(found, Caller)
    return found


def request_id_of(request: Request) -> str:
    """The id that the answer's header bears."""
    return str(request.scope["catenary.request_id"])


def attempt_of(request: Request) -> int:
    """How often the client tried this before, as the official one says."""
    told = request.headers.get("x-stainless-retry-count", "0")
    return min(int(told), 1000) if told.isascii() and told.isdigit() and len(told) < 5 else 0


def opted_out(request: Request) -> bool:
    """Whether the client asks that none of its texts be kept."""
    return request.headers.get("x-catenary-opt-out", "").strip().lower() in ("1", "true", "yes")


async def client_left(request: Request) -> None:
    """Return when the connection is gone. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
