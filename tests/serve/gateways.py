"""A gateway without a store behind it: endpoints, limits and whatever else a test gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catenary.serve.admission import Admission
from catenary.serve.callers import Callers
from catenary.serve.gateway import Gateway
from catenary.serve.ledger import Ledger
from catenary.serve.limits import Limits
from catenary.serve.metrics import Metrics
from catenary.serve.served import Served


def bare_gateway(endpoints: Mapping[str, Served] | None = None, **more: Any) -> Gateway:
    """Its receipts are kept nowhere; `more` are fields of the gateway in place of these."""
    limits = Limits()
    chosen: dict[str, Any] = {"get_receipt": lambda _: {}, "callers": Callers(), **more}
    return Gateway(
        endpoints=dict(endpoints or {}),
        ledger=Ledger(lambda _: None),
        trace=lambda _: {},
        limits=limits,
        admission=Admission(limits),
        metrics=Metrics(),
        **chosen,
    )
