"""`/v1/models`: every endpoint that the key may ask, as OpenAI's clients list models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.served import Served


def model_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter(prefix="/v1/models")

    @router.get("")
    async def models(request: Request) -> dict[str, Any]:
        key = caller_of(request).key
        seen = [
            served
            for name, served in gateway.endpoints.items()
            if key is None or key.models is None or name in key.models
        ]
        return {"object": "list", "data": [model_json(served) for served in seen]}

    @router.get("/{name:path}")
    async def model(name: str, request: Request) -> dict[str, Any]:
        return model_json(gateway.endpoint(name, caller=caller_of(request), param=None))

    return router


def model_json(served: Served) -> dict[str, Any]:
    """An endpoint in OpenAI's words for a model, with its release beside."""
    facts = served.engine.state.facts
    return {
        "id": served.name,
        "object": "model",
        "created": served.created,
        "owned_by": "catenary",
        "release": served.release,
        "status": served.status,
        "task": served.task,
        "labels": facts.get("labels", []),
        "max_model_len": facts.get("max_tokens"),
    }
