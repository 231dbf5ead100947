"""`/v1/responses`: OpenAI's newer words for a conversation, whole or as events, going on from an earlier answer.

A response's id follows from its receipt's. What the receipt keeps is what it is told again from, and gone on from
(`stored_responses.py`): where texts are not kept, it is neither.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.serve.asked_response import (
    LOGPROBS,
    CallItem,
    FlatChoice,
    MessageItem,
    Part,
    ResponseRequest,
    ResultItem,
)
from catenary.serve.body import read_request, schema_of
from catenary.serve.conversation import call_json, conversation
from catenary.serve.engine import Delta, Logprob, Spent
from catenary.serve.errors import INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.receipts import answer_id
from catenary.serve.request import Asking
from catenary.serve.routes.response_items import (
    Item,
    call_item,
    message_item,
    output_items,
    text_part,
    usage_json,
    why_incomplete,
)
from catenary.serve.routes.stored_responses import earlier
from catenary.serve.sampling import DEFAULT_TEMPERATURE, check_stream_options, constraint_of
from catenary.serve.sending import citations, marks, sent
from catenary.serve.served import Served
from catenary.serve.sse import event
from catenary.serve.tools import merged_calls
from catenary.serve.writing import Writing, logprob_json


def response_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.post("/v1/responses", openapi_extra=schema_of(ResponseRequest))
    async def respond(request: Request) -> Response:
        gateway.admission.refuse_if_full()
        asked = await read_request(request, ResponseRequest, gateway.limits.body_bytes)
        served = gateway.endpoint(asked.model, "generate", "translate", caller=caller_of(request))
        before: list[Item] = []
        if asked.previous_response_id is not None:
            before = await earlier(gateway, asked.previous_response_id, caller_of(request))
        told = Told(asked)
        writing = response_writing(gateway, request, served, asked, before, told.created)
        return await sent(writing, request, told.whole, told.events, partial(told.failed, writing))

    return router


def response_writing(
    gateway: Gateway,
    request: Request,
    served: Served,
    asked: ResponseRequest,
    before: Sequence[Item],
    created: int,
) -> Writing:
    """The request as the engine is asked. Raises ApiError (400) for what does not go together."""
    check_stream_options(asked)
    settings: dict[str, Any] = {
        "max_tokens": asked.max_output_tokens or gateway.limits.max_tokens,
        "temperature": DEFAULT_TEMPERATURE if asked.temperature is None else asked.temperature,
    }
    if asked.top_p is not None:
        settings["top_p"] = asked.top_p
    if asked.top_logprobs is not None or LOGPROBS in (asked.include or ()):
        settings["logprobs"] = asked.top_logprobs or 0
    form = None if asked.text is None else asked.text.format
    if form is not None:
        constraint = constraint_of(form.type, form.schema_, "text.format.schema")
        if constraint is not None:
            settings["constraint"] = constraint
    messages = [*before, *messages_of(asked)]
    if not messages:
        raise ApiError("There is nothing to answer.", INVALID_REQUEST, param="input")
    if asked.instructions is not None:
        messages = [{"role": "system", "content": asked.instructions}, *messages]
    tools = []
    for tool in asked.tools or ():
        told = tool.model_dump(exclude_none=True)
        tools.append({"type": told.pop("type"), "function": told})
    asking = Asking.of(gateway, request, served, "response", store=asked.store is not False)
    noted: dict[str, Any] = {
        "instructions": asked.instructions is not None,
        "previous": asked.previous_response_id,
        "response": asked_json(asked, created) if asking.keep else None,  # what it is told again from
    }
    return conversation(
        asking,
        messages,
        settings,
        tools=tools,
        choice=asked.tool_choice.name if isinstance(asked.tool_choice, FlatChoice) else asked.tool_choice,
        several=asked.parallel_tool_calls is not False,
        stream=bool(asked.stream),
        metadata=asked.metadata or {},
        noted=noted,
    )


def asked_json(asked: ResponseRequest, created: int) -> Item:
    """What a response says of what was asked, but what the receipt knows anyway."""
    form = None if asked.text is None else asked.text.format
    choice = asked.tool_choice
    return {
        "object": "response",
        "created_at": created,
        "background": False,
        "max_output_tokens": asked.max_output_tokens,
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id,
        "reasoning": {"effort": None, "summary": None},
        "temperature": DEFAULT_TEMPERATURE if asked.temperature is None else asked.temperature,
        "text": {
            "format": {"type": "text"} if form is None else form.model_dump(exclude_none=True, by_alias=True)
        },
        "tool_choice": choice.model_dump() if isinstance(choice, FlatChoice) else choice or "auto",
        "tools": [
            {"parameters": None, "strict": None, **tool.model_dump(exclude_none=True)}
            for tool in asked.tools or ()
        ],
        "top_logprobs": asked.top_logprobs or 0,
        "top_p": 1.0 if asked.top_p is None else asked.top_p,
        "truncation": "disabled",
        "user": asked.user,
    }


def messages_of(asked: ResponseRequest) -> list[Item]:
    """The input as messages, as templates read them: calls stand with the assistant's message before them."""
    if isinstance(asked.input, str):
        return [{"role": "user", "content": asked.input}]
    messages: list[Item] = []
    for item in asked.input:
        if isinstance(item, MessageItem):
            role = "system" if item.role == "developer" else item.role
            messages.append({"role": role, "content": _text(item.content)})
        elif isinstance(item, ResultItem):
            messages.append({"role": "tool", "content": _text(item.output), "tool_call_id": item.call_id})
        else:
            _add_call(messages, item)
    return messages


def _add_call(messages: list[Item], item: CallItem) -> None:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": ""})
    calls = messages[-1].setdefault("tool_calls", [])
    calls.append(call_json(item.call_id, item.name, item.arguments))


def _text(content: str | Sequence[Part]) -> str:
    return content if isinstance(content, str) else "".join(part.text or part.refusal for part in content)


@dataclass(slots=True)
class Told:
    """One answer in the words of this route; `number` counts its events."""

    asked: ResponseRequest
    created: int = field(default_factory=lambda: int(time.time()))
    number: int = 0

    def whole(self, writing: Writing) -> Item:
        """The answer, written."""
        [answer] = writing.answers
        calls, cited = merged_calls(answer.tool_calls), citations(writing)
        output = output_items(writing.asking.receipt_id, answer.said, calls, answer.logprobs, cited)
        return self.ended(writing, output)

    def ended(self, writing: Writing, output: Sequence[Item]) -> Item:
        """With how it ended, what it cost, and what it leaves behind."""
        why = why_incomplete(writing.answers[0].finish_reason)
        assert writing.receipt is not None
        status = "queued" if writing.receipt.outcome == "held" else "incomplete" if why else "completed"
        told = self.response(writing, status, output, writing.spent)
        return {**told, "incomplete_details": why, **marks(writing)}

    def response(
        self, writing: Writing, status: str, output: Sequence[Item] = (), spent: Spent | None = None
    ) -> Item:
        """The response as it stands."""
        return {
            **asked_json(self.asked, self.created),
            "id": answer_id("resp_", writing.asking.receipt_id),
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": self.asked.instructions,
            "metadata": dict(writing.metadata),
            "model": writing.asking.served.name,
            "output": list(output),
            "store": writing.asking.keep,
            "usage": None if spent is None else usage_json(spent),
        }

    def _event(self, kind: str, **values: Any) -> bytes:
        body = event({"type": kind, "sequence_number": self.number, **values}, kind)
        self.number += 1
        return body

    def failed(self, writing: Writing, envelope: Mapping[str, Any]) -> bytes:
        """What a stream ends with on a fault: this, and then the connection is cut."""
        error = {"code": "server_error", "message": envelope["error"]["message"]}
        told = self._event("response.failed", response={**self.response(writing, "failed"), "error": error})
        return told + event(envelope)

    async def events(self, writing: Writing, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        """The answer as OpenAI's events; each item is opened, written, and closed when all is written."""
        items = _Items(self, writing)
        begun = False
        async for delta in deltas:
            body = b""
            if not begun:
                begun = True
                now = self.response(writing, "in_progress")
                body += self._event("response.created", response=now)
                body += self._event("response.in_progress", response=now)
            if delta.text or delta.logprobs:
                body += items.text(delta)
            for call in delta.tool_calls:
                body += items.call(call)
            if delta.finish_reason is not None:
                body += items.closed()
                told = self.ended(writing, items.output)
                body += self._event(f"response.{told['status']}", response=told)
            if body:
                yield body


class _Items:
    """The output items of a stream, in the order in which they began."""

    def __init__(self, told: Told, writing: Writing) -> None:
        self._told, self._writing, self._id = told, writing, writing.asking.receipt_id
        self._message: int | None = None
        self._said: list[str] = []
        self._logprobs: list[Logprob] = []
        self._calls: dict[int, tuple[int, Item]] = {}
        self.output: list[Item] = []

    def _opened(self, item: Item) -> bytes:
        self.output.append(item)
        return self._told._event(
            "response.output_item.added", output_index=len(self.output) - 1, item=dict(item)
        )

    def text(self, delta: Delta) -> bytes:
        body = b""
        if self._message is None:
            body, at = self._message_opened()
        else:
            at = self._at(self._message)
        self._said.append(delta.text)
        self._logprobs += delta.logprobs
        logprobs = [logprob_json(one) for one in delta.logprobs]
        told = self._told._event("response.output_text.delta", **at, delta=delta.text, logprobs=logprobs)
        return body + told

    def _message_opened(self) -> tuple[bytes, Item]:
        self._message = len(self.output)
        item = {**message_item(self._id, "in_progress", ""), "content": []}
        body = self._opened(item)
        at = self._at(self._message)
        return body + self._told._event("response.content_part.added", **at, part=text_part("")), at

    def _at(self, index: int) -> Item:
        return {"item_id": self.output[index]["id"], "output_index": index, "content_index": 0}

    def call(self, call: Mapping[str, Any]) -> bytes:
        """A piece of a call; the first one names the function."""
        number, function = int(call["index"]), call.get("function") or {}
        body = b""
        if number not in self._calls:
            item = call_item(self._id, "in_progress", {**call, "function": {**function, "arguments": ""}})
            self._calls[number] = (len(self.output), item)
            body = self._opened(item)
        index, item = self._calls[number]
        arguments = function.get("arguments") or ""
        if not arguments:
            return body
        item["arguments"] += arguments
        return body + self._told._event(
            "response.function_call_arguments.delta",
            item_id=item["id"],
            output_index=index,
            delta=arguments,
        )

    def closed(self) -> bytes:
        """Every item is closed; an answer of nothing at all is a message without text."""
        body = b""
        if not self.output:
            body += self._message_opened()[0]
        if self._message is not None:
            at, text = self._at(self._message), "".join(self._said)
            part = text_part(text, self._logprobs, citations(self._writing))
            body += self._told._event("response.output_text.done", **at, text=text, logprobs=part["logprobs"])
            body += self._told._event("response.content_part.done", **at, part=part)
            self.output[self._message] |= {"status": "completed", "content": [part]}
        for index, item in self._calls.values():
            item["status"] = "completed"
            body += self._told._event(
                "response.function_call_arguments.done",
                item_id=item["id"],
                output_index=index,
                name=item["name"],
                arguments=item["arguments"],
            )
        for index, item in enumerate(self.output):
            body += self._told._event("response.output_item.done", output_index=index, item=item)
        return body
