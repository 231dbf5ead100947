"""`/v1/classify`: labels for texts, and a receipt that is stored before the answer leaves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catenary.digest import text_sha256
from catenary.serve.asked import ClassifyRequest
from catenary.serve.body import read_request, schema_of
from catenary.serve.engine import Labelled
from catenary.serve.errors import BLOCKED, INPUT_TOO_LONG, INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of, client_left
from catenary.serve.limits import Limits
from catenary.serve.receipts import ClassifiedText, Receipt
from catenary.serve.request import Asking, receipt_headers, receipt_json


def classify_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.post("/v1/classify", openapi_extra=schema_of(ClassifyRequest))
    async def classify(request: Request) -> JSONResponse:
        gateway.admission.refuse_if_full()  # before the body is read: a refusal under load must be fast
        asked = await read_request(request, ClassifyRequest, gateway.limits.body_bytes)
        served = gateway.endpoint(asked.model, "classify", caller=caller_of(request))
        texts = asked.texts()
        check_texts(texts, gateway.limits)
        asking = Asking.of(gateway, request, served, "classify")
        async with gateway.admission.enter(partial(client_left, request)):
            with asking.counted(0) as settle:
                checked = await gateway.guard.check_input(texts)
                if checked.blocked:
                    raise ApiError("The operator's rules do not allow this text.", BLOCKED, param="input")
                told = await served.engine.classify(checked.texts)
                receipt = asking.receipt(
                    texts=tuple(
                        _classified(text, one, asking.keep) for text, one in zip(texts, told, strict=True)
                    ),
                    input_tokens=sum(one.tokens for one in told),
                    guard=tuple(verdict.to_json() for verdict in checked.verdicts),
                )
                await gateway.ledger.put(receipt)
                settle(receipt.tokens)
        return JSONResponse(classification_json(receipt, told, asked.top_k), headers=receipt_headers(receipt))

    return router


def _classified(text: str, told: Labelled, keep: bool) -> ClassifiedText:
    return ClassifiedText(
        text_sha256(text), text if keep else None, told.label, told.scores, told.tokens, told.truncated
    )


def check_texts(texts: Sequence[str], limits: Limits, param: str = "input") -> None:
    """Raise ApiError (400) for no text, an empty one, too many, or too much."""
    if not texts or len(texts) > limits.texts:
        raise ApiError(
            "A request takes 1 to {most} texts.",
            INVALID_REQUEST,
            param=param,
            got=len(texts),
            most=limits.texts,
        )
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            raise ApiError("Text {number} is empty.", INVALID_REQUEST, param=param, number=number)
        if len(text) > limits.characters:
            raise ApiError(
                "Text {number} is longer than {most} characters.",
                INPUT_TOO_LONG,
                param=param,
                number=number,
                most=limits.characters,
            )


def classification_json(receipt: Receipt, told: Sequence[Labelled], top_k: int | None) -> dict[str, Any]:
    """An answer in the manner of OpenAI's lists."""
    return {
        "id": receipt.id,
        "object": "list",
        "model": receipt.endpoint,
        "data": [
            {
                "object": "classification",
                "index": index,
                "label": one.label,
                "scores": [
                    {"label": label, "score": score} for label, score in list(one.scores.items())[:top_k]
                ],
                "truncated": one.truncated,
            }
            for index, one in enumerate(told)
        ],
        "usage": {"prompt_tokens": receipt.tokens, "total_tokens": receipt.tokens},
        "receipt": receipt_json(receipt.id, receipt.status),
    }
