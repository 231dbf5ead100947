"""`/v1/tag`: the entities of texts, or a tag for each of given words."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catenary.data.tags import cut
from catenary.digest import digest, text_sha256
from catenary.serve.asked import TagRequest
from catenary.serve.body import read_request, schema_of
from catenary.serve.errors import BLOCKED, INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of, client_left
from catenary.serve.request import Asking, receipt_headers, receipt_json
from catenary.serve.routes.classify import check_texts


def tag_routes(gateway: Gateway) -> APIRouter:
    """See the module. Its tokens are the words that are tagged."""
    router = APIRouter()

    @router.post("/v1/tag", openapi_extra=schema_of(TagRequest))
    async def tag(request: Request) -> JSONResponse:
        gateway.admission.refuse_if_full()
        asked = await read_request(request, TagRequest, gateway.limits.body_bytes)
        served = gateway.endpoint(asked.model, "tag", caller=caller_of(request))
        if (asked.input is None) == (asked.words is None):
            raise ApiError(
                "Exactly one of {names} must be given.", INVALID_REQUEST, param="input", names="input, words"
            )
        texts = asked.texts()
        check_texts(texts, gateway.limits, "input" if asked.words is None else "words")
        for number, words in enumerate(asked.words or (), start=1):
            if not all(word.strip() for word in words):
                raise ApiError("Text {number} is empty.", INVALID_REQUEST, param="words", number=number)
        asking = Asking.of(gateway, request, served, "tag")
        async with gateway.admission.enter(partial(client_left, request)):
            with asking.counted(0) as settle:
                checked = await gateway.guard.check_input(texts)
                if checked.blocked or (asked.words is not None and list(checked.texts) != texts):
                    raise ApiError("The operator's rules do not allow this text.", BLOCKED, param="input")
                if asked.words is None:
                    told = await served.engine.tag({"texts": list(checked.texts)})
                    tokens = sum(len(cut(text)) for text in checked.texts)
                    data = [_entities(index, found) for index, found in enumerate(told)]
                else:
                    told = await served.engine.tag({"words": asked.words})
                    tokens = sum(len(words) for words in asked.words)
                    data = [
                        {"object": "tagging", "index": index, "tags": list(tags)}
                        for index, tags in enumerate(told)
                    ]
                of_words = [digest(["words", words]) for words in asked.words or ()]
                receipt = asking.receipt(
                    asked={
                        "texts": [
                            {"sha256": sha256, "text": text if asking.keep else None}
                            for sha256, text in zip(of_words or map(text_sha256, texts), texts, strict=True)
                        ]
                    },
                    answers=tuple(
                        {"sha256": digest(["tagged", one]), "tagged": one if asking.keep else None}
                        for one in data
                    ),
                    input_tokens=tokens,
                    guard=tuple(verdict.to_json() for verdict in checked.verdicts),
                )
                await gateway.ledger.put(receipt)
                settle(tokens)
        body: dict[str, Any] = {
            "id": receipt.id,
            "object": "list",
            "model": served.name,
            "data": data,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "receipt": receipt_json(receipt.id, receipt.status),
        }
        return JSONResponse(body, headers=receipt_headers(receipt))

    return router


def _entities(index: int, found: list[list[Any]]) -> dict[str, Any]:
    entities = [{"text": text, "label": kind, "start": start, "end": end} for text, kind, start, end in found]
    return {"object": "tagging", "index": index, "entities": entities}
