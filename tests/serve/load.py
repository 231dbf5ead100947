"""Very many clients at once, and ten times what the service can do: `python -m tests.serve.load [clients] [waves]`.

Waves of clients ask at the same instant, whole answers and streams, each several times; then requests come at ten times
the rate that the service was seen to answer, whether or not earlier ones were. What must hold: nothing but answers and
declared refusals (503); every answer read to its end has its receipt, with the same words, and no other receipt says
complete; the gateway's memory does not grow from wave to wave. How quickly refusals come is told.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from tests.serve.chains import receipts
from tests.serve.kills import Gateway

TRIES = 3  # of each client in a wave
QUEUE = 64
OVER = 10  # times what can be answered
SECONDS = 10.0
GROWN = 1.15  # what the last wave may leave of memory, of the second's
BODY: Any = {"model": "tiny", "messages": [{"role": "user", "content": "go"}], "max_tokens": 24}


@dataclass
class Seen:
    """`told`: receipt → the words of an answer read to its end. `refused`: seconds until each 503."""

    told: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """Of one whole run. `rss`: bytes of the gateway's memory before the first wave and after each."""

    seen: Seen = field(default_factory=Seen)
    rss: list[int] = field(default_factory=list)
    answers_per_second: float = 0.0
    asked_per_second: float = 0.0
    overload: Seen = field(default_factory=Seen)


class Connection:
    """HTTP/1.1 as plainly as can be, so that what is measured is the server and not its clients."""

    def __init__(self, port: int, seen: Seen) -> None:
        self._port, self._seen = port, seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def ask(self, *, stream: bool) -> int:
        """One request; what it came to is noted."""
        try:
            await self.open()
            assert self._streams is not None
            reader, writer = self._streams
            body = json.dumps({**BODY, "stream": stream}).encode()
            began = time.monotonic()
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            told = await _body(reader, head)
        except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self._seen.faults.append(f"{type(error).__name__}: {error}")
            await self.close()
            return 0
        self._seen.statuses[status] += 1
        if status == 503:
            self._seen.refused.append(time.monotonic() - began)
            if "retry-after:" not in head or b"server_overloaded" not in told:
                self._seen.faults.append(f"a refusal that is not declared: {head} {told[:300]!r}")
        elif status != 200:
            self._seen.faults.append(f"{status}: {told[:300]!r}")
        elif stream:
            self._streamed(told)
        else:
            whole = json.loads(told)
            self._seen.told[whole["receipt"]["id"]] = whole["choices"][0]["message"]["content"]
        if "connection: close" in head:
            await self.close()
        return status

    def _streamed(self, told: bytes) -> None:
        events = [
            one.removeprefix("data: ") for one in told.decode().split("\n\n") if one.startswith("data: ")
        ]
        chunks = [json.loads(one) for one in events if one != "[DONE]"]
        if events[-1:] != ["[DONE]"] or any("error" in one for one in chunks):
            self._seen.faults.append(f"a clean end of a stream that is not whole: {told[-300:]!r}")
            return
        [receipt] = [one["receipt"]["id"] for one in chunks if "receipt" in one]
        said = (one["choices"][0]["delta"].get("content") or "" for one in chunks)
        self._seen.told[receipt] = "".join(said)


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    if "transfer-encoding: chunked" not in head:
        length = head.split("content-length:")[1].split("\r\n")[0]
        return await reader.readexactly(int(length))
    told = b""
    while size := int(await reader.readline(), 16):
        told += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return told


async def wave(port: int, clients: int, seen: Seen) -> None:
    """All begin at once; who is refused comes again after the second that the refusal names."""
    connections = [Connection(port, seen) for _ in range(clients)]
    for one in connections:
        await one.open()

    async def go(number: int, connection: Connection) -> None:
        for again in range(TRIES):
            if await connection.ask(stream=(number + again) % 2 == 0) == 503:
                await asyncio.sleep(1)
        await connection.close()

    await asyncio.gather(*(go(number, one) for number, one in enumerate(connections)))


async def capacity(port: int, seconds: float, seen: Seen) -> float:
    """Answers a second while every place is taken."""
    until, before = time.monotonic() + seconds, len(seen.told)

    async def go(number: int) -> None:
        connection = Connection(port, seen)
        while time.monotonic() < until:
            await connection.ask(stream=number % 2 == 0)
        await connection.close()

    began = time.monotonic()
    await asyncio.gather(*(go(number) for number in range(QUEUE)))
    return (len(seen.told) - before) / (time.monotonic() - began)


async def overload(port: int, rate: float, seconds: float, seen: Seen, *, seed: int = 17) -> float:
    """Requests at `rate` a second, each when it is due (a Poisson process); how many a second came to be sent."""
    draw, idle = random.Random(seed), [Connection(port, seen) for _ in range(QUEUE)]
    tasks: set[asyncio.Task[None]] = set()

    async def go(number: int) -> None:
        connection = idle.pop() if idle else Connection(port, seen)
        await connection.ask(stream=number % 2 == 0)
        idle.append(connection)

    began = time.monotonic()
    due, number = began, 0
    while due < began + seconds:
        due += draw.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(go(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    sent = number / (time.monotonic() - began)
    while tasks:
        await asyncio.wait(tasks)
    for one in idle:
        await one.close()
    return sent


def load(
    clients: int, waves: int, folder: Path, *, seconds: float = SECONDS, said: Callable[[str], None] = print
) -> Outcome:
    """The whole of it. Raises AssertionError for what must not be."""
    outcome = Outcome()
    gateway = Gateway(folder, limits={"queue": QUEUE})
    gateway.wait()
    process = psutil.Process(gateway.process.pid)
    outcome.rss.append(process.memory_info().rss)
    for number in range(waves):
        began = time.monotonic()
        asyncio.run(wave(gateway.port, clients, outcome.seen))
        outcome.rss.append(process.memory_info().rss)
        said(
            f"wave {number + 1}: {time.monotonic() - began:.1f} s, {dict(outcome.seen.statuses)}, "
            f"{outcome.rss[-1] / 1e6:.0f} MB"
        )
    outcome.answers_per_second = asyncio.run(capacity(gateway.port, seconds, outcome.seen))
    rate = OVER * outcome.answers_per_second
    outcome.asked_per_second = asyncio.run(overload(gateway.port, rate, seconds, outcome.overload))
    gateway.close()
    check(outcome, folder)
    return outcome


def check(outcome: Outcome, folder: Path) -> None:
    """What must hold, when all is over."""
    faults = outcome.seen.faults + outcome.overload.faults
    assert not faults, (len(faults), faults[:5])
    told = outcome.seen.told | outcome.overload.told
    kept = {one["id"]: one["answers"][0]["text"] for one in receipts(folder) if one["outcome"] == "complete"}
    assert kept == told, (len(kept), len(told))
    if len(outcome.rss) > 3:
        assert outcome.rss[-1] < GROWN * outcome.rss[2], outcome.rss


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    waves = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as place:
        outcome = load(clients, waves, Path(place), said=lambda text: print(text, flush=True))  # noqa: T201
    over = outcome.overload
    lines = [
        f"{len(outcome.seen.told | over.told)} answers, each with its receipt",
        f"memory of the gateway: {', '.join(f'{one / 1e6:.0f}' for one in outcome.rss)} MB",
        f"it answers {outcome.answers_per_second:.0f} a second and was asked {outcome.asked_per_second:.0f}",
        f"then: {dict(over.statuses)}",
    ]
    for what, seconds in (("waves", outcome.seen.refused), ("ten times too much", over.refused)):
        if len(seconds) > 1:
            cut = quantiles(seconds, n=100)
            told = ", ".join(f"p{at} {1000 * cut[at - 1]:.0f} ms" for at in (50, 95, 99))
            lines.append(f"refusals ({what}): {told}")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
