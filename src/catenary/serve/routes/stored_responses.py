"""Responses that were given: `GET` and `DELETE /v1/responses/{id}`, and what `previous_response_id` goes on from.

Nothing is kept beside the receipts: a response is made again of its receipt, across restarts, as long as that holds the
texts. To delete one is to remove the texts; the receipt stays, with digests and figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catenary.errors import NotFound
from catenary.messages import say
from catenary.serve.body import refuse_query, shown
from catenary.serve.callers import Caller
from catenary.serve.conversation import call_json
from catenary.serve.engine import Spent
from catenary.serve.errors import NO_PREVIOUS, NO_RESPONSE, NOT_ALLOWED, UNSUPPORTED, ApiError, Kind
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.holding import held_json
from catenary.serve.receipts import RECEIPT_ID, answer_id
from catenary.serve.routes.response_items import Item, output_items, usage_json, why_incomplete
from catenary.serve.sending import cited, stored_marks

PREVIOUS = "previous_response_id"


def stored_response_routes(gateway: Gateway) -> APIRouter:
    """See the module. Others' responses are as unknown as those that never were."""
    router = APIRouter(prefix="/v1/responses")

    @router.get("/{response_id}")
    async def response(response_id: str, request: Request) -> JSONResponse:
        refuse_query(request)
        found = await stored(gateway, response_id, caller_of(request), NO_RESPONSE)
        return JSONResponse(stored_json(gateway, found))

    @router.delete("/{response_id}")
    async def delete(response_id: str, request: Request) -> Item:
        refuse_query(request)
        caller = caller_of(request)
        await forget(gateway, await stored(gateway, response_id, caller, NO_RESPONSE), caller)
        return {"id": response_id, "object": "response.deleted", "deleted": True}

    return router


async def stored(
    gateway: Gateway,
    response_id: str,
    caller: Caller,
    missing: Kind,
    param: str | None = None,
    *,
    prefix: str = "resp_",
    task: str = "response",
) -> Mapping[str, Any]:
    """The receipt of an answer of this `task` whose texts are kept. Raises ApiError of the kind `missing`."""
    id = f"rcpt_{response_id.removeprefix(prefix)}"
    found: Mapping[str, Any] | None = None
    if response_id.startswith(prefix) and RECEIPT_ID.fullmatch(id):
        try:
            found = await asyncio.to_thread(gateway.get_receipt, id)
        except NotFound:
            found = None
    if found is None or not caller.may_see(found.get("key")) or found["task"] != task:
        raise ApiError("There is no response {id}.", missing, param=param, id=shown(response_id))
    if found["asked"]["messages"] is None or found["answers"][0]["text"] is None:
        raise ApiError("The texts of this response were not kept.", missing, param=param)
    return found


async def forget(gateway: Gateway, found: Mapping[str, Any], caller: Caller) -> None:
    """Remove the texts of an answer. Raises ApiError for one that another key asked for."""
    if caller.key is not None and caller.key_id != found["key"]:
        raise ApiError("Only the key that asked for a response may delete it.", NOT_ALLOWED)
    if gateway.forget_receipt is None:
        raise ApiError("This service keeps no responses that could be deleted.", UNSUPPORTED)
    await asyncio.to_thread(gateway.forget_receipt, found["id"])


async def earlier(gateway: Gateway, response_id: str, caller: Caller) -> list[Item]:
    """The conversation up to and with an answer, without its instructions. Raises ApiError (400)."""
    found = await stored(gateway, response_id, caller, NO_PREVIOUS, PREVIOUS)
    if found["outcome"] in ("held", "refused"):
        raise ApiError(
            "No person has signed this response, so nothing goes on from it.", NO_PREVIOUS, param=PREVIOUS
        )
    asked, [answer] = found["asked"], found["answers"]
    messages = list(asked["messages"][0][1 if asked.get("instructions") else 0 :])
    said: Item = {"role": "assistant", "content": answer["text"]}
    if answer.get("tools"):
        said["tool_calls"] = [
            call_json(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in answer["tools"]
        ]
    return [*messages, said]


def stored_json(gateway: Gateway, found: Mapping[str, Any]) -> Item:
    """The response as it was told, but for log probabilities, which no receipt keeps."""
    asked, [answer] = found["asked"], found["answers"]
    why = why_incomplete(answer["finish_reason"])
    cut, waits = found["outcome"] == "cut", found["outcome"] == "held"
    error = {"code": "server_error", "message": say("The answer was broken off before its end.")}
    spent = Spent(found["input_tokens"] or 0, found["output_tokens"], found["cached_tokens"])
    calls, quoted = answer.get("tools") or (), cited(found["made"], found["app"])
    output = output_items(found["id"], answer["text"], calls, cited=quoted)
    if found["outcome"] == "refused":
        output[0]["content"] = [{"type": "refusal", "refusal": found["made"]["sign_off"]["why"]}]
    return {
        **(asked.get("response") or {}),
        "id": answer_id("resp_", found["id"]),
        "status": "queued" if waits else "failed" if cut else "incomplete" if why else "completed",
        "error": error if cut else None,
        "incomplete_details": why,
        "instructions": asked["messages"][0][0]["content"] if asked.get("instructions") else None,
        "metadata": found["metadata"],
        "model": found["endpoint"],
        "output": output,
        "store": True,
        "usage": usage_json(spent),
        **stored_marks(
            gateway, found["id"], found["status"], held_json(found["made"], found["task"], found["id"])
        ),
    }
