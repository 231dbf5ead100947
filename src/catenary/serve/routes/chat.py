"""`/v1/chat/completions`: OpenAI's conversations, whole or as they are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.serve.asked import ChatRequest, Message, ToolChoice, tells_usage
from catenary.serve.body import read_request, schema_of
from catenary.serve.conversation import call_json, conversation
from catenary.serve.engine import Delta
from catenary.serve.errors import INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.request import Asking
from catenary.serve.sampling import check_stream_options, constraint_of, settings_of
from catenary.serve.sending import citations, frame, marks, sent
from catenary.serve.served import Served
from catenary.serve.sse import DONE, event, text_json
from catenary.serve.writing import Answer, Writing, logprob_json, usage_json


def chat_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.post("/v1/chat/completions", openapi_extra=schema_of(ChatRequest))
    async def chat(request: Request) -> Response:
        gateway.admission.refuse_if_full()  # before the body is read: a refusal under load must be fast
        asked = await read_request(request, ChatRequest, gateway.limits.body_bytes)
        served = gateway.endpoint(asked.model, "generate", "translate", caller=caller_of(request))
        writing = chat_writing(gateway, request, served, asked)
        return await sent(writing, request, chat_json, partial(chat_events, usage=tells_usage(asked)))

    return router


def chat_writing(gateway: Gateway, request: Request, served: Served, asked: ChatRequest) -> Writing:
    """The request as the engine is asked. Raises ApiError (400) for what does not go together."""
    if asked.max_tokens is not None and asked.max_completion_tokens is not None:
        raise ApiError(
            "Only one of {names} may be given.",
            INVALID_REQUEST,
            param="max_tokens",
            names="max_tokens, max_completion_tokens",
        )
    if asked.top_logprobs is not None and not asked.logprobs:
        raise ApiError("top_logprobs needs logprobs: true.", INVALID_REQUEST, param="top_logprobs")
    check_stream_options(asked)
    settings = settings_of(asked, gateway.limits, max_tokens=asked.max_completion_tokens)
    if asked.logprobs:
        settings["logprobs"] = asked.top_logprobs or 0
    form = asked.response_format
    if form is not None:
        schema = None if form.json_schema is None else form.json_schema.schema_
        name = "response_format.json_schema" + ("" if schema is None else ".schema")
        constraint = constraint_of(form.type, schema, name)
        if constraint is not None:
            settings["constraint"] = constraint
    messages = [message_json(message) for message in asked.messages]
    tools = [tool.model_dump(exclude_none=True) for tool in asked.tools or ()]
    return conversation(
        Asking.of(gateway, request, served, "chat", store=asked.store is not False),
        messages,
        settings,
        tools=tools,
        choice=asked.tool_choice.function.name
        if isinstance(asked.tool_choice, ToolChoice)
        else asked.tool_choice,
        several=asked.parallel_tool_calls is not False,
        stream=bool(asked.stream),
        metadata=asked.metadata or {},
    )


def message_json(message: Message) -> dict[str, Any]:
    """A message as chat templates read it."""
    told: dict[str, Any] = {
        "role": "system" if message.role == "developer" else message.role,
        "content": message.text(),
    }
    if message.name is not None:
        told["name"] = message.name
    if message.tool_call_id is not None:
        told["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        told["tool_calls"] = [
            call_json(call.id, call.function.name, call.function.arguments) for call in message.tool_calls
        ]
    return told


def chat_json(writing: Writing) -> dict[str, Any]:
    """The answers in OpenAI's words."""
    return {
        **frame(writing.asking, "chatcmpl-", "chat.completion"),
        "choices": [
            _choice(number, answer, citations(writing)) for number, answer in enumerate(writing.answers)
        ],
        "usage": usage_json(writing.spent),
        **marks(writing),
    }


def _choice(number: int, answer: Answer, cited: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.said,
        "refusal": None,
        "annotations": cited,
    }
    if answer.tool_calls:
        message["tool_calls"] = [
            {name: value for name, value in call.items() if name != "index"} for call in answer.tool_calls
        ]
        message["content"] = answer.said or None
    logprobs = {"content": [logprob_json(one) for one in answer.logprobs], "refusal": None}
    return {
        "index": number,
        "message": message,
        "logprobs": logprobs if answer.logprobs else None,
        "finish_reason": answer.finish_reason,
    }


async def chat_events(writing: Writing, deltas: AsyncIterator[Delta], *, usage: bool) -> AsyncIterator[bytes]:
    """The answers as OpenAI's chunks: one id throughout, the role first, why it ended last, then what it cost."""
    head = frame(writing.asking, "chatcmpl-", "chat.completion.chunk")
    more: dict[str, Any] = {"usage": None} if usage else {}
    # What is the same in every event is written once: a chunk costs some microseconds, not some tens.
    start = event(head)[:-3] + b',"choices":[{"index":'
    tail = b"}]" + (b',"usage":null' if usage else b"") + b"}\n\n"
    begun: set[int] = set()
    async for delta in deltas:
        body = b""
        if delta.choice not in begun:
            begun.add(delta.choice)
            role = {"role": "assistant", "content": "", "refusal": None}
            body += event({**head, "choices": [_chunk(delta.choice, role)], **more})
        if delta.text and not delta.logprobs and not delta.tool_calls:
            body += b'%s%d,"delta":{"content":%s},"logprobs":null,"finish_reason":null%s' % (
                start, delta.choice, text_json(delta.text), tail,
            )  # fmt: skip
        elif delta.text or delta.logprobs:
            logprobs = {"content": [logprob_json(one) for one in delta.logprobs], "refusal": None}
            said = _chunk(
                delta.choice, {"content": delta.text}, logprobs=logprobs if delta.logprobs else None
            )
            body += event({**head, "choices": [said], **more})
        for call in delta.tool_calls:
            body += event({**head, "choices": [_chunk(delta.choice, {"tool_calls": [call]})], **more})
        if delta.finish_reason is not None:
            cited = citations(writing)
            last = {"annotations": cited} if cited else {}
            ended = {"choices": [_chunk(delta.choice, last, delta.finish_reason)], **more}
            if delta.choice == writing.job.answers - 1:
                ended |= marks(writing)
            body += event({**head, **ended})
        yield body
    if usage:
        yield event({**head, "choices": [], "usage": usage_json(writing.spent)})
    yield DONE


def _chunk(
    choice: int, delta: Mapping[str, Any], finish_reason: str | None = None, logprobs: Any = None
) -> dict[str, Any]:
    return {"index": choice, "delta": dict(delta), "logprobs": logprobs, "finish_reason": finish_reason}
