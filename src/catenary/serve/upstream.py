"""Another OpenAI-compatible server as an engine: vLLM, llama.cpp, or another Catenary.

What fails before the first byte of an answer is tried again, after a pause that doubles; what fails later is told, for
half an answer cannot be taken back. After BREAKS failures in a row nobody is sent there for OPEN_SECONDS; then one
request tries (M. Nygard, Release It!, 2007: circuit breaker).
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from catenary.errors import NotFound
from catenary.serve.engine import Delta, EngineState, Labelled, Logprob, Spent, Text, Vectors, WriteJob
from catenary.serve.errors import INPUT_TOO_LONG, INVALID_REQUEST, UNSUPPORTED, UPSTREAM_GONE, ApiError
from catenary.serve.spans import hand_on

if TYPE_CHECKING:
    import aiohttp

BREAKS = 5
OPEN_SECONDS = 10.0
PAUSE_SECONDS = 0.25  # before the second try
TRIED_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
LONGEST_LINE = 8 << 20
SETTINGS = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty"),
    *("frequency_penalty", "min_tokens", "logit_bias", "seed", "stop", "n"),
)


class Upstream:
    """An `Engine` at `url` (up to and with `/v1`). `secret` is sent as its key."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        secret: str | None = None,
        timeout_seconds: float = 120.0,
        retries: int = 2,
    ) -> None:
        self._url, self._model = url.rstrip("/"), model
        self._headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self._timeout, self._retries = timeout_seconds, retries
        self._session: aiohttp.ClientSession | None = None
        self._failures = 0
        self._closed_until = 0.0
        self._load = 0

    @property
    def state(self) -> EngineState:
        """Ready unless the breaker is open."""
        ready = self._session is not None and time.monotonic() >= self._closed_until
        return EngineState(ready=ready, load=self._load)

    async def start(self) -> None:
        """See `Engine.start`."""
        try:
            import aiohttp
        except ModuleNotFoundError:
            raise NotFound(
                "Another server as an engine needs a package that is not installed.",
                got="aiohttp",
                next="pip install 'catenary[serve]'",
            ) from None
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0),
            # Of silence, not of the whole: an answer may be long, and the gateway has its own deadline.
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=min(10.0, self._timeout), sock_read=self._timeout
            ),
            read_bufsize=1 << 16,
        )

    async def close(self) -> None:
        """See `Engine.close`."""
        if self._session is not None:
            await self._session.close()

    async def write(self, job: WriteJob) -> AsyncIterator[Delta | Spent]:
        """See `Engine.write`."""
        first, chat = job.prompts[0], not isinstance(job.prompts[0], str)
        chat = chat and bool(first) and isinstance(first[0], Mapping)
        body = _body(job, self._model, chat=chat)
        self._load += 1
        try:
            response = await self._post("/chat/completions" if chat else "/completions", body)
            async with response:
                if job.stream:
                    async for piece in self._events(response, chat):
                        yield piece
                    return
                for whole in _whole(await self._json(response), chat):
                    yield whole
        finally:
            self._load -= 1

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Engine.embed`."""
        body = {"model": self._model, "input": list(texts), "encoding_format": "base64"}
        self._load += 1
        try:
            async with await self._post("/embeddings", body) as response:
                told = await self._json(response)
        finally:
            self._load -= 1
        vectors = [one["embedding"] for one in sorted(told["data"], key=lambda one: one["index"])]
        as_text = tuple(
            one if isinstance(one, str) else base64.b64encode(struct.pack(f"<{len(one)}f", *one)).decode()
            for one in vectors
        )
        tokens = int((told.get("usage") or {}).get("prompt_tokens", 0))
        return Vectors(as_text, (tokens, *(0 for _ in texts[1:])))

    async def classify(self, texts: Sequence[Text]) -> list[Labelled]:
        """No such route in OpenAI's API."""
        raise ApiError("Another server can write and make vectors only.", UNSUPPORTED, param="model")

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        """No such route in OpenAI's API."""
        raise ApiError("Another server can write and make vectors only.", UNSUPPORTED, param="model")

    async def _post(self, path: str, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        """An answer of 200, tried again where that may help. Raises ApiError."""
        import aiohttp

        headers: dict[str, str] = {}
        hand_on(headers)
        for attempt in range(self._retries + 1):
            if self._session is None or time.monotonic() < self._closed_until:
                raise ApiError("The upstream server does not answer.", UPSTREAM_GONE)
            try:
                response = await self._session.post(f"{self._url}{path}", json=body, headers=headers)
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._failed()
            else:
                if response.status == 200:
                    self._failures = 0
                    return response
                if response.status not in TRIED_AGAIN:
                    raise await _refusal(response)
                response.release()
                self._failed()
            if attempt < self._retries:
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        raise ApiError("The upstream server does not answer.", UPSTREAM_GONE)

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= BREAKS:
            self._closed_until = time.monotonic() + OPEN_SECONDS
            self._failures = BREAKS - 1  # when it closes again, one more failure opens it

    async def _json(self, response: aiohttp.ClientResponse) -> Any:
        import aiohttp

        try:
            return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self._failed()
            raise ApiError("The upstream server broke off its answer.", UPSTREAM_GONE) from None

    async def _events(self, response: aiohttp.ClientResponse, chat: bool) -> AsyncIterator[Delta | Spent]:
        """A stream's pieces. One that ends without `[DONE]` was broken off."""
        import aiohttp

        try:
            async for line in response.content:
                if not line.startswith(b"data:"):
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                told = json.loads(data)
                if "error" in told:
                    break
                for choice in told.get("choices") or ():
                    yield _delta(choice, chat)
                if told.get("usage"):
                    yield _spent(told["usage"])
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass
        self._failed()
        raise ApiError("The upstream server broke off its answer.", UPSTREAM_GONE)


def _body(job: WriteJob, model: str, *, chat: bool) -> dict[str, Any]:
    """The request in OpenAI's words."""
    body: dict[str, Any] = {name: job.settings[name] for name in SETTINGS if name in job.settings}
    body["model"] = model
    if chat:
        body["messages"] = [_message(message) for message in job.prompts[0]]
        if "logprobs" in job.settings:
            body |= {"logprobs": True, "top_logprobs": job.settings["logprobs"]}
        if job.tools:
            body["tools"] = list(job.tools)
            if job.tool_choice in ("none", "auto", "required"):
                body["tool_choice"] = job.tool_choice
            elif job.tool_choice is not None:
                body["tool_choice"] = {"type": "function", "function": {"name": job.tool_choice}}
    else:
        body["prompt"] = job.prompts[0] if len(job.prompts) == 1 else list(job.prompts)
        if "logprobs" in job.settings:
            body["logprobs"] = job.settings["logprobs"]
    constraint = job.settings.get("constraint")
    if constraint is not None:
        if constraint["kind"] == "json":
            body["response_format"] = {"type": "json_object"}
        elif constraint["kind"] == "json_schema":
            schema = {"name": "answer", "schema": json.loads(constraint["source"]), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        else:  # vLLM's names
            body[f"guided_{constraint['kind']}"] = constraint["source"]
    if job.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(message)
    if "tool_calls" in told:
        told["tool_calls"] = [
            {
                **call,
                "function": {
                    **call["function"],
                    "arguments": call["function"]["arguments"]
                    if isinstance(call["function"]["arguments"], str)
                    else json.dumps(call["function"]["arguments"], ensure_ascii=False),
                },
            }
            for call in told["tool_calls"]
        ]
    return told


def _whole(told: Mapping[str, Any], chat: bool) -> list[Delta | Spent]:
    pieces: list[Delta | Spent] = []
    for choice in told["choices"]:
        said = dict(choice)
        if chat:
            calls = choice["message"].get("tool_calls")
            said["delta"] = {
                **choice["message"],
                "tool_calls": [{"index": at, **call} for at, call in enumerate(calls or ())],
            }
        pieces.append(_delta(said, chat))
    return [*pieces, _spent(told.get("usage") or {})]


def _delta(choice: Mapping[str, Any], chat: bool) -> Delta:
    logprobs: tuple[Logprob, ...] = ()
    told = choice.get("logprobs")
    if chat:
        text = choice["delta"].get("content") or ""
        if told and told.get("content"):
            logprobs = tuple(
                Logprob(
                    one["token"],
                    one["logprob"],
                    tuple((top["token"], top["logprob"]) for top in one.get("top_logprobs") or ()),
                )
                for one in told["content"]
            )
        calls = tuple(choice["delta"].get("tool_calls") or ())
    else:
        text, calls = choice.get("text") or "", ()
        if told and told.get("tokens"):
            tops = told.get("top_logprobs") or [{} for _ in told["tokens"]]
            logprobs = tuple(
                Logprob(token, value, tuple((top or {}).items()))
                for token, value, top in zip(told["tokens"], told["token_logprobs"], tops, strict=True)
            )
    reason: Any = choice.get("finish_reason")
    if reason not in (None, "stop", "length", "content_filter", "tool_calls"):
        reason = "stop"
    return Delta(int(choice.get("index", 0)), text, 1 if text else 0, logprobs, reason, calls)


def _spent(usage: Mapping[str, Any]) -> Spent:
    details = usage.get("prompt_tokens_details") or {}
    return Spent(
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        int(details.get("cached_tokens") or 0),
    )


async def _refusal(response: aiohttp.ClientResponse) -> ApiError:
    """What another server refuses, in our words: its keys and addresses are none of the client's business."""
    async with response:
        try:
            error = (await response.json(content_type=None))["error"]
            code, text = error.get("code"), str(error.get("message"))[:500]
        except (ValueError, KeyError, TypeError, AttributeError):
            code, text = None, ""
    if response.status not in (400, 413, 422):
        return ApiError("The upstream server does not answer.", UPSTREAM_GONE)
    if code == "context_length_exceeded":
        return ApiError("{text}", INPUT_TOO_LONG, param="messages", text=text)
    return ApiError("{text}", INVALID_REQUEST, text=text or "400")
