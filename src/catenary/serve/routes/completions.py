"""`/v1/completions`: texts that are gone on from, one or several, whole or as they are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.serve.asked import CompletionRequest, tells_usage
from catenary.serve.body import read_request, schema_of
from catenary.serve.engine import Delta, Logprob, WriteJob
from catenary.serve.errors import INVALID_REQUEST, ApiError
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.request import Asking
from catenary.serve.sampling import check_stream_options, settings_of
from catenary.serve.sending import frame, marks, sent
from catenary.serve.served import Served
from catenary.serve.sse import DONE, event, text_json
from catenary.serve.writing import Writing, usage_json


def completion_routes(gateway: Gateway) -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.post("/v1/completions", openapi_extra=schema_of(CompletionRequest))
    async def complete(request: Request) -> Response:
        gateway.admission.refuse_if_full()
        asked = await read_request(request, CompletionRequest, gateway.limits.body_bytes)
        served = gateway.endpoint(asked.model, "generate", "translate", caller=caller_of(request))
        writing = completion_writing(gateway, request, served, asked)
        return await sent(
            writing, request, completion_json, partial(completion_events, usage=tells_usage(asked))
        )

    return router


def completion_writing(
    gateway: Gateway, request: Request, served: Served, asked: CompletionRequest
) -> Writing:
    """The request as the engine is asked. Raises ApiError (400)."""
    prompts = prompts_of(asked.prompt)
    answers = len(prompts) * (asked.n or 1)
    if not prompts or answers > gateway.limits.queue:
        raise ApiError(
            "A request takes 1 to {most} answers.",
            INVALID_REQUEST,
            param="prompt",
            got=answers,
            most=gateway.limits.queue,
        )
    if gateway.guard.input and not all(isinstance(prompt, str) for prompt in prompts):
        raise ApiError(
            "The guard of this service reads texts, not token ids.", INVALID_REQUEST, param="prompt"
        )
    check_stream_options(asked)
    settings = settings_of(asked, gateway.limits, max_tokens=asked.max_tokens or 16)  # OpenAI's default here
    if asked.logprobs is not None:
        settings["logprobs"] = asked.logprobs
    if asked.echo:
        settings["echo"] = True
    job = WriteJob(prompts=tuple(prompts), settings=settings, stream=bool(asked.stream))
    return Writing(asking=Asking.of(gateway, request, served, "completion"), job=job)


def prompts_of(prompt: Any) -> list[Any]:
    """Each prompt: a text, or its token ids."""
    if isinstance(prompt, str):
        return [prompt]
    if prompt and isinstance(prompt[0], int):
        return [prompt]
    return list(prompt)


def completion_json(writing: Writing) -> dict[str, Any]:
    """The answers in OpenAI's words."""
    return {
        **frame(writing.asking, "cmpl-", "text_completion"),
        "choices": [
            {
                "index": number,
                "text": answer.said,
                "logprobs": logprobs_json(answer.logprobs) if answer.logprobs else None,
                "finish_reason": answer.finish_reason,
            }
            for number, answer in enumerate(writing.answers)
        ],
        "usage": usage_json(writing.spent),
        **marks(writing),
    }


def logprobs_json(logprobs: Sequence[Logprob], offset: int = 0) -> dict[str, Any]:
    """Tokens in completions' own words for log probabilities; offsets count characters of the answer."""
    offsets = []
    for one in logprobs:
        offsets.append(offset)
        offset += len(one.token)
    return {
        "tokens": [one.token for one in logprobs],
        "token_logprobs": [one.logprob for one in logprobs],
        "top_logprobs": [None if one.logprob is None else dict(one.top) for one in logprobs],
        "text_offset": offsets,
    }


async def completion_events(
    writing: Writing, deltas: AsyncIterator[Delta], *, usage: bool
) -> AsyncIterator[bytes]:
    """The answers as OpenAI's chunks."""
    head = frame(writing.asking, "cmpl-", "text_completion")
    more: dict[str, Any] = {"usage": None} if usage else {}
    # What is the same in every event is written once, as chat does.
    start = event(head)[:-3] + b',"choices":[{"index":'
    tail = b"}]" + (b',"usage":null' if usage else b"") + b"}\n\n"
    offsets = [0] * writing.job.answers
    async for delta in deltas:
        if delta.finish_reason is None and not delta.logprobs:
            yield b'%s%d,"text":%s,"logprobs":null,"finish_reason":null%s' % (
                start, delta.choice, text_json(delta.text), tail,
            )  # fmt: skip
            continue
        logprobs = logprobs_json(delta.logprobs, offsets[delta.choice]) if delta.logprobs else None
        offsets[delta.choice] += sum(len(one.token) for one in delta.logprobs)
        choice = {
            "index": delta.choice,
            "text": delta.text,
            "logprobs": logprobs,
            "finish_reason": delta.finish_reason,
        }
        last = delta.finish_reason is not None and delta.choice == writing.job.answers - 1
        yield event({**head, "choices": [choice], **more, **(marks(writing) if last else {})})
    if usage:
        yield event({**head, "choices": [], "usage": usage_json(writing.spent)})
    yield DONE
