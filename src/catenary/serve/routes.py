"""The routes: what may be asked, and in which words it is told.

`/v1/models` and the envelope are OpenAI's own; `/v1/classify` and `/v1/receipts` follow their manner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catenary.errors import NotFound
from catenary.serve.admission import Admission
from catenary.serve.answer import Answer, Endpoint, SaveReceipt, answer
from catenary.serve.errors import INPUT_TOO_LONG, INVALID_REQUEST, NO_MODEL, NO_RECEIPT, ApiError
from catenary.serve.limits import Limits
from catenary.serve.receipts import RECEIPT_ID
from catenary.serve.request import ClassifyRequest, read_request, shown

GetReceipt = Callable[[str], Mapping[str, Any]]
"""The stored receipt with this id, as JSON values; raises NotFound."""

Trace = Callable[[str], Mapping[str, Any]]
"""All that the receipt with this id rests on, as JSON values; raises NotFound."""

STATUS_HEADER = "x-catenary-release-status"
CLASSIFY_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": ClassifyRequest.model_json_schema()}},
    }
}


def health_routes(admission: Admission) -> APIRouter:
    """`/health`: the process lives. `/ready`: it takes requests."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/ready")
    async def ready() -> dict[str, str]:
        admission.refuse_if_full()
        return {"status": "ready"}

    return router


def model_routes(endpoints: Mapping[str, Endpoint]) -> APIRouter:
    """`/v1/models`: every endpoint, as OpenAI's clients list models."""
    router = APIRouter(prefix="/v1/models")

    @router.get("")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [model_json(endpoint) for endpoint in endpoints.values()]}

    @router.get("/{name}")
    async def model(name: str) -> dict[str, Any]:
        return model_json(endpoint_named(endpoints, name))

    return router


def classify_routes(
    endpoints: Mapping[str, Endpoint], admission: Admission, save_receipt: SaveReceipt, limits: Limits
) -> APIRouter:
    """`/v1/classify`: labels for texts, and a receipt that is stored before the answer leaves."""
    router = APIRouter()

    @router.post("/v1/classify", openapi_extra=CLASSIFY_SCHEMA)
    async def classify(request: Request) -> JSONResponse:
        admission.refuse_if_full()  # before the body is read: a refusal under load must be fast
        asked = await read_request(request, ClassifyRequest, limits.body_bytes)
        endpoint = endpoint_named(endpoints, asked.model, param="model")
        texts = asked.texts()
        check_texts(texts, limits)
        work = partial(answer, endpoint, texts, save_receipt=save_receipt)
        answered = await admission.run(lambda stop: work(stop=stop), partial(until_client_leaves, request))
        return JSONResponse(
            classification_json(answered, asked.top_k), headers={STATUS_HEADER: endpoint.status}
        )

    return router


def receipt_routes(get_receipt: GetReceipt, trace: Trace) -> APIRouter:
    """`/v1/receipts/{id}`: what an answer left behind; `/trace`: what it was made from."""
    router = APIRouter(prefix="/v1/receipts")

    # Plain functions: FastAPI runs them in threads, for both look into the catalog.
    @router.get("/{receipt_id}")
    def receipt(receipt_id: str) -> JSONResponse:
        return receipt_json(receipt_id, get_receipt)

    @router.get("/{receipt_id}/trace")
    def receipt_trace(receipt_id: str) -> JSONResponse:
        return receipt_json(receipt_id, trace)

    return router


def endpoint_named(endpoints: Mapping[str, Endpoint], name: str, param: str | None = None) -> Endpoint:
    """The endpoint, or 404 `model_not_found`."""
    try:
        return endpoints[name]
    except KeyError:
        raise ApiError("There is no model named {name}.", NO_MODEL, param=param, name=shown(name)) from None


def check_texts(texts: list[str], limits: Limits) -> None:
    """Raise ApiError (400) for no text, an empty one, too many, or too much."""
    if not texts or len(texts) > limits.texts:
        raise ApiError(
            "A request takes 1 to {most} texts.",
            INVALID_REQUEST,
            param="input",
            got=len(texts),
            most=limits.texts,
        )
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            raise ApiError("Text {number} is empty.", INVALID_REQUEST, param="input", number=number)
        if len(text) > limits.characters:
            raise ApiError(
                "Text {number} is longer than {most} characters.",
                INPUT_TOO_LONG,
                param="input",
                number=number,
                most=limits.characters,
            )


def receipt_json(receipt_id: str, read: Callable[[str], Mapping[str, Any]]) -> JSONResponse:
    """What `read` knows of the receipt, or 404 `receipt_not_found`."""
    try:
        if RECEIPT_ID.fullmatch(receipt_id):
            return JSONResponse(dict(read(receipt_id)))
    except NotFound:
        pass
    raise ApiError("There is no receipt {id}.", NO_RECEIPT, id=shown(receipt_id))


def model_json(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint in OpenAI's words for a model, with its release beside."""
    return {
        "id": endpoint.name,
        "object": "model",
        "created": endpoint.created,
        "owned_by": "catenary",
        "release": endpoint.release,
        "status": endpoint.status,
        "labels": list(endpoint.classifier.labels),
    }


def classification_json(answered: Answer, top_k: int | None) -> dict[str, Any]:
    """An answer in the manner of OpenAI's lists."""
    receipt = answered.receipt
    return {
        "id": receipt.id,
        "object": "list",
        "model": receipt.endpoint,
        "data": [
            {
                "object": "classification",
                "index": index,
                "label": told.label,
                "scores": [
                    {"label": label, "score": score}
                    for label, score in list(told.probabilities.items())[:top_k]
                ],
                "truncated": told.truncated,
            }
            for index, told in enumerate(answered.scores)
        ],
        "usage": {"prompt_tokens": receipt.tokens, "total_tokens": receipt.tokens},
        "receipt": {
            "id": receipt.id,
            "trace_url": f"/v1/receipts/{receipt.id}/trace",
            "status": receipt.status,
        },
    }


async def until_client_leaves(request: Request) -> None:
    """Return when the connection is gone. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
