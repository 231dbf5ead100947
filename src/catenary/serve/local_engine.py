"""An engine in a process of this machine: started, asked over pipes, and started again when it dies.

Its death is told to whoever waits for it (503, or an error in the stream) and to nobody else. Cancelling an asking task
cancels the work; an engine that does not even notice that within HANG_SECONDS is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catenary.inference.process import wire
from catenary.serve.child import EARLY, Child, launched
from catenary.serve.engine import Delta, EngineState, Labelled, Logprob, Spent, Text, Vectors, WriteJob
from catenary.serve.errors import ENGINE_GONE, INPUT_TOO_LONG, INVALID_REQUEST, OVERLOADED, ApiError

log = logging.getLogger("catenary.serve")

HANG_SECONDS = 30.0
BACKOFF_SECONDS = (0.05, 0.2, 1.0, 5.0)  # before the first, second … start in a row that came to nothing
PARTS = ("began", "piece")  # what is told before the end
STEADY_SECONDS = 30.0  # after so long, a death counts as the first again


class EngineFault(Exception):
    """A fault in the engine's work: the log holds what it was, the client is told none of it."""


def command_for(
    folder: Path,
    task: str,
    *,
    engine: str = "auto",
    threads: int | None = None,
    pieces_per_second: float | None = None,
) -> list[str]:
    """What starts the process of the model in `folder`; `task` is load's, or tag."""
    spec = {
        "folder": str(folder),
        "task": task,
        "engine": engine,
        "threads": threads,
        "pieces_per_second": pieces_per_second,
    }
    return [sys.executable, "-m", "catenary.inference.process", json.dumps(spec)]


class Inbox:
    """What came for one request, in order; one task reads. An `asyncio.Queue` does more than that, for every token."""

    def __init__(self) -> None:
        self._came: deque[tuple[str, Any]] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, kind: str, value: Any) -> None:
        self._came.append((kind, value))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> tuple[str, Any]:
        """The next; waits for it."""
        while not self._came:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._came.popleft()


class LocalEngine:
    """An `Engine` behind the pipes of `command`. Use it from one event loop."""

    def __init__(self, command: Sequence[str], *, name: str = "engine") -> None:
        self.state = EngineState()
        self._command, self._name = list(command), name
        self._launched: subprocess.Popen[bytes] | None = None
        self._child: Child | None = None
        self._waiting: dict[int, Inbox] = {}
        self._cancelled: dict[int, float] = {}  # asked to end, by when
        self._number = 0
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._child is None else self._child.pid

    def launch(self) -> None:
        """Start the process before there is a loop, where that can be; `start` then finds it loading already."""
        if EARLY:
            self._launched = launched(self._command)

    async def start(self) -> None:
        """See `Engine.start`."""
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """See `Engine.close`."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self._end_process()

    async def _keep(self) -> None:
        """Start the process, read what it tells until it ends, and again."""
        deaths = 0
        while not self._closing:
            began = time.monotonic()
            try:
                await self._live()
            except (OSError, ValueError, EOFError) as error:
                log.warning("engine %s: %s", self._name, type(error).__name__)
            finally:
                self._lost()
                await self._end_process()
            deaths = 1 if time.monotonic() - began > STEADY_SECONDS else deaths + 1
            self.state.restarts += 1
            self.on_restart()
            pause = BACKOFF_SECONDS[min(deaths, len(BACKOFF_SECONDS)) - 1]
            log.warning("engine %s: ended; starting again in %.2f s", self._name, pause)
            await asyncio.sleep(pause)

    async def _live(self) -> None:
        early, self._launched = self._launched, None
        self._child = child = await (Child.started(self._command) if early is None else Child.of(early))
        watching = asyncio.create_task(self._kill_when_it_hangs())
        try:
            while True:
                (size,) = wire.HEAD.unpack(await child.read.readexactly(wire.HEAD.size))
                for number, kind, value in wire.unpacked(await child.read.readexactly(size)):
                    self._hear(number, kind, value)
        finally:
            watching.cancel()

    def _hear(self, number: int, kind: str, value: Any) -> None:
        if number == 0:
            if kind == "ready":
                self.state.facts, self.state.ready, self.state.failed = value, True, None
                log.info("engine %s: ready", self._name)
            else:
                self.state.failed = str(value["text"])
                log.error("engine %s: cannot start: %s", self._name, value["text"])
            return
        if kind not in PARTS:
            self._cancelled.pop(number, None)
        waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.put(kind, value)

    def _lost(self) -> None:
        self.state.ready = False
        self._cancelled.clear()
        for waiting in self._waiting.values():
            waiting.put("gone", None)

    async def _end_process(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.end()
        if self._launched is not None:  # ended before it was started
            self._launched.kill()
            self._launched.wait()
            self._launched = None

    async def _kill_when_it_hangs(self) -> None:
        while True:
            await asyncio.sleep(1)
            if any(by < time.monotonic() for by in self._cancelled.values()) and self._child:
                log.error("engine %s: does not hear; killed", self._name)
                self._child.kill()
                return

    async def _ask(self, request: Mapping[str, Any]) -> AsyncIterator[tuple[str, Any]]:
        """What the engine tells of one request: pieces, then what it came to."""
        child = self._child
        if not self.state.ready or child is None:
            raise ApiError("The engine is not ready.", OVERLOADED)
        self._number += 1
        number = self._number
        waiting = self._waiting[number] = Inbox()
        self.state.load += 1
        ended = False
        try:
            child.write.write(wire.packed({"id": number, **request}))
            await child.write.drain()
            while not ended:
                kind, value = await waiting.get()
                ended = kind not in PARTS
                if kind == "gone":
                    raise ApiError(
                        "The engine ended in the middle of its work; it starts again.", ENGINE_GONE
                    )
                if kind == "error":
                    raise _refusal(value)
                yield kind, value
        except (ConnectionError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not child.write.is_closing():
                raise
            ended = True
            raise ApiError(
                "The engine ended in the middle of its work; it starts again.", ENGINE_GONE
            ) from None
        finally:
            del self._waiting[number]
            self.state.load -= 1
            if not ended and child is self._child and not child.write.is_closing():
                self._cancelled[number] = time.monotonic() + HANG_SECONDS
                child.write.write(wire.packed({"id": number, "do": "cancel"}))

    async def _whole(self, request: Mapping[str, Any]) -> Any:
        told = None
        async with contextlib.aclosing(self._ask(request)) as answers:  # type: ignore[type-var]
            async for _, value in answers:
                told = value
        return told

    async def write(self, job: WriteJob) -> AsyncIterator[Delta | Spent]:
        """See `Engine.write`."""
        request = {
            "do": "write",
            "prompts": job.prompts,
            "settings": job.settings,
            "stream": job.stream,
            "tools": job.tools if self.state.facts.get("reads_tools") else (),
        }
        async with contextlib.aclosing(self._ask(request)) as answers:  # type: ignore[type-var]
            async for kind, value in answers:
                if kind == "piece":
                    yield _delta(value)
                else:
                    yield Spent(**value) if kind == "done" else Spent(value)

    async def classify(self, texts: Sequence[Text]) -> list[Labelled]:
        """See `Engine.classify`."""
        told = await self._whole({"do": "classify", "texts": list(texts)})
        return [Labelled(dict(scores), tokens, truncated) for scores, tokens, truncated in told]

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Engine.embed`."""
        told = await self._whole({"do": "embed", "texts": list(texts)})
        return Vectors(tuple(told["vectors"]), tuple(told["tokens"]), tuple(told["truncated"]))

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        """See `Engine.tag`."""
        told: list[Any] = await self._whole({"do": "tag", **request})
        return told


def _delta(piece: Sequence[Any]) -> Delta:
    choice, text, tokens, logprobs, finish_reason = piece
    if logprobs is not None:
        logprobs = tuple(
            Logprob(token, logprob, tuple((name, value) for name, value in top))
            for token, logprob, top in logprobs
        )
    return Delta(choice, text, tokens, logprobs or (), finish_reason)


def _refusal(told: Mapping[str, Any]) -> Exception:
    if told["kind"] == "too_long":
        return ApiError("{text}", INPUT_TOO_LONG, param="messages", text=told["text"])
    if told["kind"] == "invalid":
        return ApiError("{text}", INVALID_REQUEST, text=told["text"])
    return EngineFault(told["text"])
