"""An engine stops answering the moment that its release may not be served, and starts again when it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest

from catenary.errors import Refused
from catenary.serve.engine import Delta, EngineState, Labelled, Made, Spent, Vectors, WriteJob
from catenary.serve.errors import ApiError
from catenary.serve.following import Following


class Echo:
    """An engine that answers at once, and counts what it was asked."""

    def __init__(self) -> None:
        self.state = EngineState(ready=True, load=3)
        self.asked = 0
        self.open = False

    async def start(self) -> None:
        self.open = True

    async def close(self) -> None:
        self.open = False

    async def write(self, job: WriteJob) -> AsyncIterator[Delta | Made | Spent]:
        self.asked += 1
        for piece in ("one", "two"):
            yield Delta(0, piece)
        yield Spent(1, 2)

    async def classify(self, texts: Sequence[str]) -> list[Labelled]:
        self.asked += 1
        return [Labelled({"yes": 1.0}, 1, truncated=False) for _ in texts]

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += 1
        return Vectors(("",), (1,))

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        self.asked += 1
        return [request]


class Release:
    """May it be served?"""

    withdrawn = False

    def check(self) -> None:
        if self.withdrawn:
            raise Refused("This release was withdrawn, so it answers no more.", got="3f9a12c07be4")


async def written(engine: Following) -> list[Any]:
    return [piece async for piece in engine.write(WriteJob(prompts=("hello",), settings={}))]


ASKED: dict[str, Callable[[Following], Any]] = {
    "write": written,
    "classify": lambda engine: engine.classify(["hello"]),
    "embed": lambda engine: engine.embed(["hello"]),
    "tag": lambda engine: engine.tag({"input": ["hello"]}),
}


@pytest.mark.parametrize("how", ASKED)
def test_it_answers_until_it_may_not_and_again_once_it_may(how: str) -> None:
    engine, release = Echo(), Release()
    following = Following(engine, release.check)
    ask = ASKED[how]
    assert asyncio.run(ask(following))
    release.withdrawn = True
    for _ in range(3):
        with pytest.raises(ApiError, match="withdrawn") as refused:
            asyncio.run(ask(following))
        assert refused.value.kind.status == 404
    assert engine.asked == 1, "nothing reached the engine"
    release.withdrawn = False
    assert asyncio.run(ask(following))
    assert engine.asked == 2


def test_an_answer_under_way_ends_and_the_next_is_refused() -> None:
    engine, release = Echo(), Release()
    following = Following(engine, release.check)

    async def both() -> list[Any]:
        pieces = []
        async for piece in following.write(WriteJob(prompts=("hello",), settings={})):
            pieces.append(piece)
            release.withdrawn = True
        with pytest.raises(ApiError):
            following.write(WriteJob(prompts=("hello",), settings={}))
        return pieces

    assert len(asyncio.run(both())) == 3


def test_what_is_wrong_with_the_check_itself_is_not_taken_for_a_refusal() -> None:
    def broken() -> None:
        raise RuntimeError("the catalog is locked")

    engine = Echo()
    with pytest.raises(RuntimeError, match="locked"):
        asyncio.run(Following(engine, broken).classify(["hello"]))
    assert engine.asked == 0


def test_it_stands_and_ends_as_its_engine_does() -> None:
    engine = Echo()
    following = Following(engine, Release().check)
    asyncio.run(following.start())
    assert engine.open
    assert following.state.load == 3
    asyncio.run(following.close())
    assert not engine.open
