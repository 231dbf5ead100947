"""`/v1/embeddings`: vectors of texts; the official client asks for base64 unasked and turns it back."""

from __future__ import annotations

import base64
import struct
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catenary.digest import text_sha256
from catenary.serve.asked import EmbeddingsRequest
from catenary.serve.body import read_request, schema_of
from catenary.serve.errors import BLOCKED, INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of, client_left
from catenary.serve.request import Asking, receipt_headers, receipt_json
from catenary.serve.routes.classify import check_texts


def embedding_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.post("/v1/embeddings", openapi_extra=schema_of(EmbeddingsRequest))
    async def embeddings(request: Request) -> JSONResponse:
        gateway.admission.refuse_if_full()
        asked = await read_request(request, EmbeddingsRequest, gateway.limits.body_bytes)
        served = gateway.endpoint(asked.model, "embed", caller=caller_of(request))
        texts = asked.texts()
        check_texts(texts, gateway.limits)
        size = served.engine.state.facts.get("size")
        if asked.dimensions is not None and asked.dimensions != size:
            raise ApiError(
                "The vectors of this model have {size} numbers.",
                INVALID_REQUEST,
                param="dimensions",
                got=asked.dimensions,
                size=size,
            )
        asking = Asking.of(gateway, request, served, "embed")
        async with gateway.admission.enter(partial(client_left, request)):
            with asking.counted(0) as settle:
                checked = await gateway.guard.check_input(texts)
                if checked.blocked:
                    raise ApiError("The operator's rules do not allow this text.", BLOCKED, param="input")
                told = await served.engine.embed(checked.texts)
                tokens = sum(told.tokens)
                receipt = asking.receipt(
                    asked={
                        "texts": [
                            {"sha256": text_sha256(text), "text": text if asking.keep else None}
                            for text in texts
                        ]
                    },
                    input_tokens=tokens,
                    guard=tuple(verdict.to_json() for verdict in checked.verdicts),
                )
                await gateway.ledger.put(receipt)
                settle(tokens)
        as_text = asked.encoding_format == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": vector if as_text else numbers(vector)}
            for index, vector in enumerate(told.base64)
        ]
        body: dict[str, Any] = {
            "object": "list",
            "data": data,
            "model": served.name,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "receipt": receipt_json(receipt.id, receipt.status),
        }
        return JSONResponse(body, headers=receipt_headers(receipt))

    return router


def numbers(vector: str) -> list[float]:
    """The numbers of a vector in base64."""
    raw = base64.b64decode(vector)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))
