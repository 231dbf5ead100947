"""`/playground/NAME`: an endpoint or application is asked; `?answer=rcpt_…`: its answer, traced to its documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from catenary.console.answer import shown_receipt, shown_said
from catenary.console.desk import Desk
from catenary.console.form import Form
from catenary.console.form import Said as Fields
from catenary.console.pages.trace import lineage, receipt_for
from catenary.console.service import Answering, Said, Service
from catenary.console.table import Cell, Row, Table, table
from catenary.console.view import desk_of, picture, render, root_of, viewer_of
from catenary.console.viewer import Viewer
from catenary.errors import CatenaryError, InvalidInput, NotFound
from catenary.messages import say

PATHS = {
    "generate": "/v1/chat/completions",
    "classify": "/v1/classify",
    "tag": "/v1/tag",
    "translate": "/v1/translate",
    "embed": "/v1/embeddings",
}
MOST_ANSWER_BYTES = 8 << 20


def playground_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/playground")
    def overview(request: Request) -> Response:
        service, root = desk_of(request).service, root_of(request)
        found = _seen(service, viewer_of(request)) if service else []
        return render(
            request,
            "playground.html",
            title=say("Playground"),
            here_served=service is not None,
            endpoints=_endpoints(found, root),
        )

    @router.get("/playground/{name:path}")
    def one(request: Request, name: str, answer: str = "") -> Response:
        viewer, desk = viewer_of(request), desk_of(request)
        endpoint = _endpoint(desk, viewer, name)
        return render(
            request,
            "ask.html",
            title=name,
            endpoint=endpoint,
            answer=answer,
            **answer_parts(desk, viewer, answer, root_of(request)),
        )

    @router.post("/playground/{name:path}")
    async def ask(request: Request, name: str, form: Form) -> Response:
        viewer, desk = viewer_of(request), desk_of(request)
        streams = "text/event-stream" in request.headers.get("accept", "")
        try:
            return await _asked(request, desk, viewer, name, form, streams)
        except CatenaryError as error:
            if streams:
                return PlainTextResponse(str(error), 400)
            raise

    return router


def answer_parts(desk: Desk, viewer: Viewer, answer: str, root: str) -> dict[str, Any]:
    """What a page shows of an answer; of one that is not there any more, that."""
    said = desk.recent.get(viewer.token, answer) if answer else None
    try:
        receipt = receipt_for(viewer, desk.store, answer) if answer else None
    except NotFound:
        if said is None:
            raise
        receipt = None  # the service that answered has another store
    kept = None if receipt is None else shown_receipt(receipt, root)
    fresh = None if said is None else shown_said(said)
    first = fresh or kept
    named = {one.name for one in fresh.tables} if fresh else set()
    return {
        "asked": first.asked if first else [],
        "said": first.said if first else "",
        "refused": kept.refused if kept else "",
        "tables": [
            *(fresh.tables if fresh else ()),
            *(one for one in (kept.tables if kept else ()) if one.name not in named),
        ],
        "unreleased": receipt is not None and receipt.unreleased,
        "drawn": None if receipt is None else picture_of(desk, answer),
        "traced": receipt is not None,
    }


def picture_of(desk: Desk, receipt: str) -> Any:
    """The answer drawn to its documents."""
    from catenary.chain.picture import lineage_picture

    return picture(lineage_picture(lineage(desk.store, receipt), down=False))


async def _asked(
    request: Request, desk: Desk, viewer: Viewer, name: str, form: Fields, streams: bool
) -> Response:
    endpoint = await asyncio.to_thread(_endpoint, desk, viewer, name)
    assert desk.service is not None
    asked, body = await asyncio.to_thread(_question, desk, viewer, endpoint, form)
    root = root_of(request)
    erased = await asyncio.to_thread(desk.recent.erased)
    if streams and endpoint.task == "generate":
        return await _streamed(desk.service, desk, viewer, endpoint, asked, {**body, "stream": True}, erased)
    try:
        async with desk.service.ask(PATHS[endpoint.task], body, viewer.key) as (status, parts):
            told = _json(b"".join([part async for part in _bounded(parts)]))
    except ConnectionError as error:
        raise _gone(error) from error
    if status != 200:
        raise InvalidInput("The service did not answer.", got=_message(told, status))
    receipt = str(told["receipt"]["id"])
    desk.recent.put(viewer.token, receipt, Said(name, endpoint.task, asked, told), erased)
    return RedirectResponse(f"{root}/playground/{name}?answer={receipt}", 303)


async def _streamed(
    service: Service,
    desk: Desk,
    viewer: Viewer,
    endpoint: Answering,
    asked: list[Mapping[str, str]],
    body: dict[str, Any],
    erased: int,
) -> Response:
    """The answer as it is written, by the service's own events."""
    try:
        async with AsyncExitStack() as stack:
            status, parts = await stack.enter_async_context(service.ask(PATHS["generate"], body, viewer.key))
            if status != 200:
                told = _json(b"".join([part async for part in _bounded(parts)]))
                return PlainTextResponse(_message(told, status), status)
            asking = stack.pop_all()
    except ConnectionError as error:
        return PlainTextResponse(str(_gone(error)), 502)

    async def passed_on() -> AsyncIterator[bytes]:
        text, receipt, left = "", "", b""
        try:
            async for part in parts:
                left += part
                *lines, left = left.split(b"\n")
                for event in map(_event, lines):
                    receipt = (event.get("receipt") or {}).get("id", receipt)
                    for choice in event.get("choices") or ():
                        text += (choice.get("delta") or {}).get("content") or ""
                if receipt:  # before the browser hears of it, for it asks for the answer at once
                    choices = [{"message": {"content": text}}]
                    said = Said(endpoint.name, "generate", asked, {"choices": choices})
                    desk.recent.put(viewer.token, receipt, said, erased)
                yield part
        except ConnectionError:
            return  # the browser sees that the end is missing

    return _Stream(passed_on(), asking)


class _Stream(StreamingResponse):
    """Events passed on; whatever becomes of them, what they come from is closed."""

    def __init__(self, parts: AsyncIterator[bytes], asking: AsyncExitStack) -> None:
        super().__init__(parts, media_type="text/event-stream")
        self._asking = asking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._asking:
            await super().__call__(scope, receive, send)


def _question(
    desk: Desk, viewer: Viewer, endpoint: Answering, form: Fields
) -> tuple[list[Mapping[str, str]], dict[str, Any]]:
    """What was filled in, as pages show it and as the service is asked."""
    text = form.one("text")
    if not text:
        raise InvalidInput("The form asks nothing.", expected="a text")
    if endpoint.task == "generate":
        messages = _before(desk, viewer, form)
        if form.one("system") and not messages:
            messages.append({"role": "system", "text": form.one("system")})
        messages.append({"role": "user", "text": text})
        body: dict[str, Any] = {
            "messages": [{"role": one["role"], "content": one["text"]} for one in messages]
        }
        body |= _number(form, "max_tokens", int) | _number(form, "temperature", float)
        return [*messages], {"model": endpoint.name, **body}
    texts = [one.strip() for one in text.splitlines() if one.strip()] if endpoint.task == "embed" else [text]
    return [{"text": one} for one in texts], {"model": endpoint.name, "input": texts}


def _before(desk: Desk, viewer: Viewer, form: Fields) -> list[Mapping[str, str]]:
    """The conversation so far, where the question goes on with one."""
    after = form.one("after")
    if not after:
        return []
    parts = answer_parts(desk, viewer, after, "")
    return [*(one for one in parts["asked"] if "role" in one), {"role": "assistant", "text": parts["said"]}]


def _number(form: Fields, name: str, kind: type[int] | type[float]) -> dict[str, Any]:
    told = form.one(name)
    try:
        return {name: kind(told)} if told else {}
    except ValueError:
        raise InvalidInput("This is no number.", where=name, got=told) from None


def _seen(service: Service, viewer: Viewer) -> list[Answering]:
    models = None if viewer.key is None else viewer.key.models
    return [one for one in service.answering() if models is None or one.name in models]


def _endpoint(desk: Desk, viewer: Viewer, name: str) -> Answering:
    if desk.service is None:
        raise NotFound(
            "Nothing is served here, so nothing can be asked.",
            expected="the console of a running service, or one that is told of a service",
            next="catenary serve",
        )
    found = next((one for one in _seen(desk.service, viewer) if one.name == name), None)
    if found is None:
        raise NotFound("The service has no endpoint of this name.", got=name)
    return found


def _endpoints(found: list[Answering], root: str) -> Table:
    rows: list[Row] = [
        [
            Cell(one.name, f"{root}/playground/{one.name}"),
            say(one.task),
            Cell(say(one.status), tone="good" if one.status == "released" else "warn"),
        ]
        for one in found
    ]
    heads = [say("endpoint"), say("task"), say("standing")]
    return table("endpoints", say("Endpoints"), heads, rows, empty=say("No endpoint may be asked from here."))


async def _bounded(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for part in parts:
        size += len(part)
        if size > MOST_ANSWER_BYTES:
            raise InvalidInput("The answer is too large for a page.", got=size)
        yield part


def _json(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _event(line: bytes) -> dict[str, Any]:
    return _json(line.removeprefix(b"data: ")) if line.startswith(b"data: {") else {}


def _message(told: Mapping[str, Any], status: int) -> str:
    return str((told.get("error") or {}).get("message") or f"HTTP {status}")


def _gone(error: ConnectionError) -> CatenaryError:
    return CatenaryError("The service does not answer.", got=str(error), next="catenary serve")
