"""`/v1/translate`: texts in, what an encoder–decoder makes of each out, by beam search where it is asked for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.serve.asked import TranslateRequest
from catenary.serve.body import read_request, schema_of
from catenary.serve.engine import WriteJob
from catenary.serve.errors import INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.request import Asking
from catenary.serve.routes.classify import check_texts
from catenary.serve.sending import marks, sent_whole
from catenary.serve.writing import Writing, usage_json


def translate_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.post("/v1/translate", openapi_extra=schema_of(TranslateRequest))
    async def translate(request: Request) -> Response:
        gateway.admission.refuse_if_full()
        asked = await read_request(request, TranslateRequest, gateway.limits.body_bytes)
        served = gateway.endpoint(asked.model, "translate", caller=caller_of(request))
        texts = asked.texts()
        check_texts(texts, gateway.limits)
        if len(texts) > gateway.limits.queue:
            raise ApiError(
                "A request takes 1 to {most} texts.",
                INVALID_REQUEST,
                param="input",
                got=len(texts),
                most=gateway.limits.queue,
            )
        settings: dict[str, Any] = {"max_tokens": asked.max_tokens or gateway.limits.max_tokens}
        settings |= asked.model_dump(
            include={"beams", "length_penalty", "no_repeat_ngram"}, exclude_none=True
        )
        asking = Asking.of(gateway, request, served, "translate")
        writing = Writing(asking=asking, job=WriteJob(prompts=tuple(texts), settings=settings))
        return await sent_whole(writing, request, translation_json)

    return router


def translation_json(writing: Writing) -> dict[str, Any]:
    """The translations in the manner of OpenAI's lists."""
    assert writing.receipt is not None
    return {
        "id": writing.receipt.id,
        "object": "list",
        "model": writing.asking.served.name,
        "data": [
            {
                "object": "translation",
                "index": index,
                "text": answer.said,
                "finish_reason": answer.finish_reason,
            }
            for index, answer in enumerate(writing.answers)
        ],
        "usage": usage_json(writing.spent),
        **marks(writing),
    }
