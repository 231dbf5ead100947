"""`/v1/chat/completions/{id}`: `GET` tells an answer again of its receipt, so one that a person had to sign is fetched;
`DELETE` removes its texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catenary.serve.body import refuse_query
from catenary.serve.engine import Spent
from catenary.serve.errors import NO_COMPLETION
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.holding import HELD_HEADER, held_json
from catenary.serve.receipts import answer_id
from catenary.serve.request import RECEIPT_HEADER, STATUS_HEADER
from catenary.serve.routes.stored_responses import forget, stored
from catenary.serve.sending import cited, stored_marks
from catenary.serve.writing import usage_json


def stored_chat_routes(gateway: Gateway) -> APIRouter:
    """See the module. Others' answers are as unknown as those that never were."""
    router = APIRouter(prefix="/v1/chat/completions")

    @router.get("/{completion_id}")
    async def completion(completion_id: str, request: Request) -> JSONResponse:
        refuse_query(request)
        caller = caller_of(request)
        found = await stored(gateway, completion_id, caller, NO_COMPLETION, prefix="chatcmpl-", task="chat")
        headers = {STATUS_HEADER: found["status"], RECEIPT_HEADER: found["id"]}
        if found["outcome"] == "held":
            headers[HELD_HEADER] = found["made"]["held"]["role"]
        return JSONResponse(stored_chat_json(gateway, found), headers=headers)

    @router.delete("/{completion_id}")
    async def delete(completion_id: str, request: Request) -> dict[str, Any]:
        refuse_query(request)
        caller = caller_of(request)
        found = await stored(gateway, completion_id, caller, NO_COMPLETION, prefix="chatcmpl-", task="chat")
        await forget(gateway, found, caller)
        return {"id": completion_id, "object": "chat.completion.deleted", "deleted": True}

    return router


def stored_chat_json(gateway: Gateway, found: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as it was told, but for log probabilities, which no receipt keeps."""
    made = found["made"]
    refusal = made["sign_off"]["why"] if found["outcome"] == "refused" else None
    choices = []
    for index, answer in enumerate(found["answers"]):
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if refusal is not None else answer["text"],
            "refusal": refusal,
            "annotations": cited(made, found["app"]),
        }
        if answer.get("tools"):
            calls = [{key: value for key, value in one.items() if key != "index"} for one in answer["tools"]]
            message |= {"tool_calls": calls, "content": answer["text"] or None}
        choices.append(
            {"index": index, "message": message, "logprobs": None, "finish_reason": answer["finish_reason"]}
        )
    spent = Spent(found["input_tokens"] or 0, found["output_tokens"], found["cached_tokens"])
    return {
        "id": answer_id("chatcmpl-", found["id"]),
        "object": "chat.completion",
        "created": int(datetime.fromisoformat(found["at"]).timestamp()),
        "model": found["endpoint"],
        "system_fingerprint": found["release"][:12],
        "choices": choices,
        "usage": usage_json(spent),
        "metadata": found["metadata"],
        **stored_marks(gateway, found["id"], found["status"], held_json(made, "chat", found["id"])),
    }
