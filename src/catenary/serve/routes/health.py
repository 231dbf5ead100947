"""`/health`: the process lives. `/ready`: it takes requests. `/metrics`: figures for Prometheus.

Once all engines have been ready, the service is ready while any endpoint can answer; those that cannot are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from catenary.serve.errors import OVERLOADED, ApiError
from catenary.serve.gateway import Gateway


def health_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/ready")
    async def ready() -> dict[str, Any]:
        gateway.admission.refuse_if_full()
        waits = gateway.waits()
        if waits and (not gateway.traffic.started or len(waits) == len(gateway.endpoints)):
            raise ApiError("The engine is not ready.", OVERLOADED, got=", ".join(waits))
        return {"status": "degraded", "degraded": waits} if waits else {"status": "ready"}

    @router.get("/metrics")
    async def metrics() -> PlainTextResponse:
        text = gateway.metrics.text(_gauges(gateway))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _gauges(gateway: Gateway) -> Iterator[tuple[str, str, Mapping[str, str], float]]:
    states = {name: served.engine.state for name, served in gateway.endpoints.items()}
    for name, state in states.items():
        yield "vllm:num_requests_running", "Requests at the engine.", {"model_name": name}, state.load
    waiting = max(0, gateway.admission.taken - sum(state.load for state in states.values()))
    yield "vllm:num_requests_waiting", "Requests that wait for an engine.", {}, waiting
    for name, state in states.items():
        yield "catenary:engine_ready", "Whether the engine answers.", {"model_name": name}, state.ready
    for name, state in states.items():
        yield "catenary:engine_restarts", "Starts after the first.", {"model_name": name}, state.restarts
    yield "catenary:requests_refused", "Refused for want of a place.", {}, gateway.admission.refused
    yield "catenary:receipts_stored", "Receipts stored since the start.", {}, gateway.ledger.stored
