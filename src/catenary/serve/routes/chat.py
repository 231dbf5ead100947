"""`/v1/chat/completions`: OpenAI's conversations, whole or as they are written."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from catenary.serve.asked import ChatRequest, Message, ToolChoice
from catenary.serve.body import read_request, schema_of
from catenary.serve.engine import Delta, WriteJob
from catenary.serve.errors import INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of, client_left
from catenary.serve.request import RECEIPT_HEADER, STATUS_HEADER, Asking, receipt_headers, receipt_json
from catenary.serve.sampling import constraint_of, settings_of
from catenary.serve.schemas import checked_schema
from catenary.serve.served import Served
from catenary.serve.sse import DONE, EventStream, event
from catenary.serve.tools import call_schema, introduced
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
        if not asked.stream:
            await run_whole(writing, request)
            assert writing.receipt is not None
            return JSONResponse(chat_json(writing), headers=receipt_headers(writing.receipt))
        usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
        return await streamed(writing, request, partial(chat_events, writing, usage))

    return router


async def run_whole(writing: Writing, request: Request) -> None:
    """Admit the request, count it, and write all of it."""
    asking = writing.asking
    admission = asking.gateway.admission
    async with admission.enter(partial(client_left, request), writing.job.answers):
        with asking.counted(most_tokens(writing.job)) as settle:
            await writing.whole(settle)


async def streamed(
    writing: Writing,
    request: Request,
    events: Any,
    *,
    failed_name: str | None = None,
) -> EventStream:
    """Admit the request and hold status and headers until its first piece; then it goes on as it is written."""
    asking = writing.asking
    async with AsyncExitStack() as stack:
        admission = asking.gateway.admission
        await stack.enter_async_context(admission.enter(partial(client_left, request), writing.job.answers))
        settle = stack.enter_context(asking.counted(most_tokens(writing.job)))
        deltas = writing.deltas(settle)
        await stack.enter_async_context(aclosing(deltas))  # type: ignore[type-var]
        bodies = events(deltas)
        await stack.enter_async_context(aclosing(bodies))
        first = await anext(bodies)
        headers = {STATUS_HEADER: asking.served.status, RECEIPT_HEADER: asking.receipt_id}
        return EventStream(first, bodies, stack.pop_all(), headers, failed_name=failed_name)
    raise AssertionError  # for mypy: the stack swallows nothing


def most_tokens(job: WriteJob) -> int:
    """What the answers may cost at most: what is promised of a key's day meanwhile."""
    return job.answers * int(job.settings["max_tokens"])


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
    if asked.stream_options is not None and not asked.stream:
        raise ApiError("stream_options needs stream: true.", INVALID_REQUEST, param="stream_options")
    settings = settings_of(asked, gateway.limits, max_tokens=asked.max_completion_tokens)
    if asked.logprobs:
        settings["logprobs"] = asked.top_logprobs or 0
    constraint = constraint_of(asked.response_format)
    if constraint is not None:
        settings["constraint"] = constraint
    messages = [message_json(message) for message in asked.messages]
    tools = [tool.model_dump(exclude_none=True) for tool in asked.tools or ()]
    return prepared(
        gateway,
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


def prepared(
    gateway: Gateway,
    asking: Asking,
    messages: list[dict[str, Any]],
    settings: dict[str, Any],
    *,
    tools: list[dict[str, Any]],
    choice: str | None,
    several: bool,
    stream: bool,
    metadata: Mapping[str, str],
) -> Writing:
    """A conversation with its tools. `choice`: none, auto, required, or the name of a function."""
    served = asking.served
    names = [tool["function"]["name"] for tool in tools]
    if not tools and choice not in (None, "none"):
        raise ApiError("tool_choice needs tools.", INVALID_REQUEST, param="tool_choice")
    for number, tool in enumerate(tools):
        checked_schema(tool["function"].get("parameters") or {}, f"tools.{number}.function.parameters")
    forced = choice not in (None, "none", "auto")
    if forced and choice != "required" and choice not in names:
        raise ApiError(
            "tool_choice names a function that is not among the tools.",
            INVALID_REQUEST,
            param="tool_choice",
            got=choice,
            expected=", ".join(names),
        )
    if choice == "none":
        tools, names = [], []
    if forced and served.upstream is None:
        if "constraint" in settings:
            raise ApiError(
                "A required tool call does not go with response_format.", INVALID_REQUEST, param="tool_choice"
            )
        schema = call_schema(tools, None if choice == "required" else choice)
        settings["constraint"] = {"kind": "json_schema", "source": checked_schema(schema, "tools")}
    if tools and served.upstream is None and not served.engine.state.facts.get("reads_tools"):
        messages = introduced(messages, tools)
    job = WriteJob(
        prompts=(messages,), settings=settings, stream=stream, tools=tuple(tools), tool_choice=choice
    )
    local = served.upstream is None
    return Writing(
        asking=asking,
        job=job,
        tool_names=names if local else (),
        forced_tool=forced and local,
        several_tools=several,
        labelled="constraint" not in settings,
        metadata=metadata,
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
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": _arguments(call.function.arguments)},
            }
            for call in message.tool_calls
        ]
    return told


def _arguments(text: str) -> Any:
    """Templates write arguments as JSON themselves, so they get the value; what is no JSON stays text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def chat_json(writing: Writing) -> dict[str, Any]:
    """The answers in OpenAI's words."""
    asking, receipt = writing.asking, writing.receipt
    assert receipt is not None
    told = {
        "id": completion_id("chatcmpl", asking),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asking.served.name,
        "choices": [
            _choice(number, answer, citations(writing)) for number, answer in enumerate(writing.answers)
        ],
        "usage": usage_json(writing.spent),
        "system_fingerprint": asking.served.release[:12],
        "receipt": receipt_json(receipt),
    }
    label = asking.gateway.label
    return told if label is None else {**told, **label.metadata(receipt.id)}


def completion_id(prefix: str, asking: Asking) -> str:
    """An id from which the receipt's follows."""
    return f"{prefix}-{asking.receipt_id.removeprefix('rcpt_')}"


def citations(writing: Writing) -> list[dict[str, Any]]:
    """What an application cites, in OpenAI's words; the address opens at the passage."""
    served = writing.asking.served
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": one["start_index"],
                "end_index": one["end_index"],
                "title": " › ".join((*one["headings"], one["file"])),
                "url": f"/v1/apps/{served.app}/passages/{one['passage']}#passage",
            },
        }
        for one in writing.made.get("citations", ())
    ]


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


async def chat_events(writing: Writing, usage: bool, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
    """The answers as OpenAI's chunks: one id throughout, the role first, why it ended last, then what it cost."""
    asking = writing.asking
    frame: dict[str, Any] = {
        "id": completion_id("chatcmpl", asking),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asking.served.name,
        "system_fingerprint": asking.served.release[:12],
    }
    more: dict[str, Any] = {"usage": None} if usage else {}
    # What is the same in every event is written once: a chunk costs some microseconds, not some tens.
    head = event(frame)[:-3] + b',"choices":[{"index":'
    tail = b"}]" + (b',"usage":null' if usage else b"") + b"}\n\n"
    begun: set[int] = set()
    async for delta in deltas:
        body = b""
        if delta.choice not in begun:
            begun.add(delta.choice)
            role = {"role": "assistant", "content": "", "refusal": None}
            body += event({**frame, "choices": [_chunk(delta.choice, role)], **more})
        if delta.text and not delta.logprobs and not delta.tool_calls:
            text = json.dumps(delta.text, ensure_ascii=False).encode()
            body += b'%s%d,"delta":{"content":%s},"logprobs":null,"finish_reason":null%s' % (
                head, delta.choice, text, tail,
            )  # fmt: skip
        elif delta.text or delta.logprobs:
            logprobs = {"content": [logprob_json(one) for one in delta.logprobs], "refusal": None}
            said = _chunk(
                delta.choice, {"content": delta.text}, logprobs=logprobs if delta.logprobs else None
            )
            body += event({**frame, "choices": [said], **more})
        for call in delta.tool_calls:
            body += event({**frame, "choices": [_chunk(delta.choice, {"tool_calls": [call]})], **more})
        if delta.finish_reason is not None:
            cited = citations(writing)
            last = {"annotations": cited} if cited else {}
            ended = {"choices": [_chunk(delta.choice, last, delta.finish_reason)], **more}
            if delta.choice == writing.job.answers - 1:
                ended |= _marks(writing)
            body += event({**frame, **ended})
        yield body
    if usage:
        yield event({**frame, "choices": [], "usage": usage_json(writing.spent)})
    yield DONE


def _marks(writing: Writing) -> dict[str, Any]:
    """Receipt and label: with the last chunk, for then they hold."""
    asking = writing.asking
    assert writing.receipt is not None
    label = asking.gateway.label
    return {
        "receipt": receipt_json(writing.receipt),
        **({} if label is None else label.metadata(writing.receipt.id)),
    }


def _chunk(
    choice: int, delta: Mapping[str, Any], finish_reason: str | None = None, logprobs: Any = None
) -> dict[str, Any]:
    return {"index": choice, "delta": dict(delta), "logprobs": logprobs, "finish_reason": finish_reason}
