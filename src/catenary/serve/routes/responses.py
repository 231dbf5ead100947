"""`/v1/responses`: OpenAI's newer words for a conversation, whole or as events, going on from an earlier answer.

A response's id follows from its receipt's, and `previous_response_id` goes on from what the receipt keeps: where texts
are not kept, nothing can.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.errors import NotFound
from catenary.serve.asked_response import (
    LOGPROBS,
    CallItem,
    FlatChoice,
    MessageItem,
    Part,
    ResponseRequest,
    ResultItem,
)
from catenary.serve.body import read_request, schema_of, shown
from catenary.serve.callers import Caller
from catenary.serve.conversation import call_json, conversation
from catenary.serve.engine import Delta, Logprob, Spent
from catenary.serve.errors import INVALID_REQUEST, NO_PREVIOUS, ApiError
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.receipts import RECEIPT_ID
from catenary.serve.request import Asking
from catenary.serve.sampling import DEFAULT_TEMPERATURE, check_stream_options, constraint_of
from catenary.serve.sending import answer_id, citations, marks, sent
from catenary.serve.served import Served
from catenary.serve.sse import event
from catenary.serve.tools import merged_calls
from catenary.serve.writing import Answer, Writing, logprob_json

Item = dict[str, Any]


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
        writing = response_writing(gateway, request, served, asked, before)
        told = Told(asked)
        return await sent(writing, request, told.whole, told.events, partial(told.failed, writing))

    return router


async def earlier(gateway: Gateway, response_id: str, caller: Caller) -> list[Item]:
    """The conversation up to and with an answer, without its instructions. Raises ApiError (400)."""
    id = f"rcpt_{response_id.removeprefix('resp_')}"
    found: Mapping[str, Any] | None = None
    if response_id.startswith("resp_") and RECEIPT_ID.fullmatch(id):
        try:
            found = await asyncio.to_thread(gateway.get_receipt, id)
        except NotFound:
            found = None
    if found is None or not caller.may_see(found.get("key")) or found["task"] != "response":
        raise ApiError(
            "There is no response {id}.", NO_PREVIOUS, param="previous_response_id", id=shown(response_id)
        )
    asked, [answer] = found["asked"], found["answers"]
    if asked["messages"] is None or answer["text"] is None:
        raise ApiError("The texts of this response were not kept.", NO_PREVIOUS, param="previous_response_id")
    messages = list(asked["messages"][0][1 if asked.get("instructions") else 0 :])
    said: Item = {"role": "assistant", "content": answer["text"]}
    if answer.get("tools"):
        said["tool_calls"] = [
            call_json(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in answer["tools"]
        ]
    return [*messages, said]


def response_writing(
    gateway: Gateway, request: Request, served: Served, asked: ResponseRequest, before: Sequence[Item]
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
    return conversation(
        Asking.of(gateway, request, served, "response", store=asked.store is not False),
        messages,
        settings,
        tools=tools,
        choice=asked.tool_choice.name if isinstance(asked.tool_choice, FlatChoice) else asked.tool_choice,
        several=asked.parallel_tool_calls is not False,
        stream=bool(asked.stream),
        metadata=asked.metadata or {},
        noted={"instructions": asked.instructions is not None, "previous": asked.previous_response_id},
    )


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
        output = []
        if answer.said or not answer.tool_calls:
            output.append(message_item(writing, "completed", answer.said, answer.logprobs))
        output += [call_item(writing, "completed", call) for call in merged_calls(answer.tool_calls)]
        return self.ended(writing, output)

    def ended(self, writing: Writing, output: Sequence[Item]) -> Item:
        """With how it ended, what it cost, and what it leaves behind."""
        reason = _incomplete(writing.answers[0])
        told = self.response(writing, "incomplete" if reason else "completed", output, writing.spent)
        return {**told, "incomplete_details": {"reason": reason} if reason else None, **marks(writing)}

    def response(
        self, writing: Writing, status: str, output: Sequence[Item] = (), spent: Spent | None = None
    ) -> Item:
        """The response as it stands."""
        asked, settings = self.asked, writing.job.settings
        form = None if asked.text is None else asked.text.format
        choice = asked.tool_choice
        return {
            "id": answer_id("resp_", writing.asking),
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "metadata": dict(writing.metadata),
            "model": writing.asking.served.name,
            "output": list(output),
            "parallel_tool_calls": asked.parallel_tool_calls is not False,
            "previous_response_id": asked.previous_response_id,
            "reasoning": {"effort": None, "summary": None},
            "store": writing.asking.keep,
            "temperature": settings["temperature"],
            "text": {
                "format": {"type": "text"}
                if form is None
                else form.model_dump(exclude_none=True, by_alias=True)
            },
            "tool_choice": choice.model_dump() if isinstance(choice, FlatChoice) else choice or "auto",
            "tools": [
                {"parameters": None, "strict": None, **tool.model_dump(exclude_none=True)}
                for tool in asked.tools or ()
            ],
            "top_logprobs": asked.top_logprobs or 0,
            "top_p": settings.get("top_p", 1.0),
            "truncation": "disabled",
            "usage": None if spent is None else usage_json(spent),
            "user": asked.user,
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
        self._told, self._writing = told, writing
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
        item = {**message_item(self._writing, "in_progress", "", ()), "content": []}
        body = self._opened(item)
        at = self._at(self._message)
        return body + self._told._event("response.content_part.added", **at, part=text_part("", ())), at

    def _at(self, index: int) -> Item:
        return {"item_id": self.output[index]["id"], "output_index": index, "content_index": 0}

    def call(self, call: Mapping[str, Any]) -> bytes:
        """A piece of a call; the first one names the function."""
        number, function = int(call["index"]), call.get("function") or {}
        body = b""
        if number not in self._calls:
            item = call_item(
                self._writing, "in_progress", {**call, "function": {**function, "arguments": ""}}
            )
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


def message_item(writing: Writing, status: str, text: str, logprobs: Sequence[Logprob]) -> Item:
    """The text of an answer as an item."""
    return {
        "id": answer_id("msg_", writing.asking),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [text_part(text, logprobs, citations(writing))],
    }


def text_part(text: str, logprobs: Sequence[Logprob], cited: Sequence[Item] = ()) -> Item:
    """Text within a message."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": [{"type": one["type"], **one["url_citation"]} for one in cited],
        "logprobs": [logprob_json(one) for one in logprobs],
    }


def call_item(writing: Writing, status: str, call: Mapping[str, Any]) -> Item:
    """A call as an item."""
    return {
        "id": f"{answer_id('fc_', writing.asking)}_{call['index']}",
        "type": "function_call",
        "status": status,
        "call_id": call.get("id") or f"call_{call['index']}",
        "name": call["function"].get("name") or "",
        "arguments": call["function"]["arguments"],
    }


def _incomplete(answer: Answer) -> str | None:
    return {"length": "max_output_tokens", "content_filter": "content_filter"}.get(str(answer.finish_reason))


def usage_json(spent: Spent) -> Item:
    """What it cost, in this route's words."""
    return {
        "input_tokens": spent.prompt_tokens,
        "input_tokens_details": {"cached_tokens": spent.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": spent.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
    }
