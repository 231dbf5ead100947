"""How an OpenAI-compatible server does under load: throughput, and the time to the first piece and between pieces.

    seen, seconds = asyncio.run(press(Load("http://127.0.0.1:8000/v1", "assistant", at_once=16)))
    figures = summed(seen, seconds)
    figures.tokens_per_second, figures.first["p95"]

With a rate, requests arrive as a Poisson process whether or not earlier ones are answered, and an answer's time counts
from when it was due: a server that stalls is not let off the requests that it kept from being sent.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catenary.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import aiohttp

PROSE = (
    "a chain hangs between two ends and takes the shape of least effort while every link bears the weight of all"
    " below it so that whoever looks along the curve finds each document in its place"
)
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked: `requests` chats of `words` words and at most `new` tokens, `at_once` in flight at most.

    `rate`: requests a second; None sends the next as soon as there is room. `exact`: the answers have `new` tokens, no
    fewer (by `min_tokens`, which vLLM knows as well).
    """

    url: str
    model: str
    requests: int = 64
    at_once: int = 16
    rate: float | None = None
    words: int = 64
    new: int = 64
    exact: bool = False
    stream: bool = True
    key: str | None = None
    seed: int = 17


@dataclass(slots=True)
class Seen:
    """One request: when it was due, when each piece came, how it ended. Seconds of one clock."""

    due: float
    pieces: list[float] = field(default_factory=list)
    ended: float = 0.0
    prompt_tokens: int = 0
    tokens: int = 0
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """Of all requests that were answered: rates a second; `first`, `between` pieces, and the `whole` answer in ms."""

    answered: int
    failed: Mapping[str, int]
    seconds: float
    requests_per_second: float
    tokens_per_second: float
    first: Percentiles | None
    between: Percentiles | None
    whole: Percentiles | None


async def press(load: Load) -> tuple[list[Seen], float]:
    """Every request and what came of it, and the seconds that all took. Needs aiohttp."""
    import aiohttp

    headers = {} if load.key is None else {"Authorization": f"Bearer {load.key}"}
    draw, words = random.Random(load.seed), PROSE.split()
    prompts = [" ".join(draw.choices(words, k=load.words)) for _ in range(load.requests)]
    places = asyncio.Semaphore(load.at_once)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=300)
    async with aiohttp.ClientSession(
        headers=headers, connector=aiohttp.TCPConnector(limit=0), timeout=timeout
    ) as session:
        began = time.perf_counter()

        async def one(prompt: str, due: float) -> Seen:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            async with places:
                seen = Seen(due if load.rate is not None else time.perf_counter())
                await _ask(session, load, prompt, seen)
                return seen

        arrivals, at = [], began
        for _ in prompts:
            arrivals.append(at)
            at += 0.0 if load.rate is None else draw.expovariate(load.rate)
        found = await asyncio.gather(*map(one, prompts, arrivals))
    return list(found), time.perf_counter() - began


async def _ask(session: aiohttp.ClientSession, load: Load, prompt: str, seen: Seen) -> None:
    import aiohttp

    body: dict[str, Any] = {
        "model": load.model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": load.new,
    }
    if load.exact:
        body["min_tokens"] = load.new
    if load.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    try:
        async with session.post(f"{load.url.rstrip('/')}/chat/completions", json=body) as response:
            if response.status != 200:
                await response.read()
                seen.failed = str(response.status)
            elif load.stream:
                await _read(response, seen)
            else:
                _note(await response.json(), seen)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        seen.failed = type(error).__name__
    seen.ended = time.perf_counter()


async def _read(response: aiohttp.ClientResponse, seen: Seen) -> None:
    async for line in response.content:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        _note(json.loads(data), seen)
    seen.failed = "cut"


def _note(told: Mapping[str, Any], seen: Seen) -> None:
    if "error" in told:
        raise ValueError("an error in a stream")
    for choice in told.get("choices") or ():
        if (choice.get("delta") or choice.get("message") or {}).get("content"):
            seen.pieces.append(time.perf_counter())
    usage = told.get("usage")
    if usage:
        seen.prompt_tokens = int(usage.get("prompt_tokens") or 0)
        seen.tokens = int(usage.get("completion_tokens") or 0)


def summed(seen: Sequence[Seen], seconds: float) -> LoadFigures:
    """What came of a load. Where a server tells no usage, a piece counts as a token."""
    answered = [one for one in seen if one.failed is None]
    failed = Counter(one.failed for one in seen if one.failed is not None)
    tokens = sum(one.tokens or len(one.pieces) for one in answered)
    gaps = [
        after - before for one in answered for before, after in zip(one.pieces, one.pieces[1:], strict=False)
    ]
    return LoadFigures(
        answered=len(answered),
        failed=dict(failed),
        seconds=seconds,
        requests_per_second=len(answered) / seconds,
        tokens_per_second=tokens / seconds,
        first=percentiles([one.pieces[0] - one.due for one in answered if one.pieces]),
        between=percentiles(gaps),
        whole=percentiles([one.ended - one.due for one in answered]),
    )


def percentiles(seconds: Sequence[float]) -> Percentiles | None:
    """Of measured values, in milliseconds: the least that so many percent do not exceed."""
    if not seconds:
        return None
    ranked = sorted(seconds)
    return Percentiles(*(1000 * ranked[-(-len(ranked) * p // 100) - 1] for p in PERCENTILES))


async def first_model(url: str, key: str | None) -> str:
    """The name of the first model that a server offers for writing. Raises NotFound or InvalidInput."""
    import aiohttp

    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{url.rstrip('/')}/models") as response,
        ):
            if response.status != 200:
                raise InvalidInput("The server does not list its models.", got=f"{url}: {response.status}")
            told = await response.json()
            models = [one for one in told["data"] if one.get("task", "generate") == "generate"]
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as error:
        raise NotFound(
            "No OpenAI-compatible server answers there.",
            got=f"{url}: {type(error).__name__}",
            expected="an address up to and with /v1",
        ) from error
    if not models:
        raise NotFound("The server offers no model that writes.", got=url)
    return str(models[0]["id"])
