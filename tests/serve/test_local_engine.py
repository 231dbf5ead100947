"""An engine's process: launched before there is a loop, joined by it, ended with it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from catenary.serve.child import EARLY
from catenary.serve.engine import Delta, Spent, WriteJob
from catenary.serve.local_engine import LocalEngine, command_for
from tests.inference.writers import write_writer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalEngine:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))
    return LocalEngine([sys.executable, "-m", "tests.serve.slow_engine", str(tmp_path / "log")])


def children() -> set[int]:
    return {one.pid for one in psutil.Process().children()}


def job(prompt: str, tokens: int) -> WriteJob:
    return WriteJob(prompts=(prompt,), settings={"max_tokens": tokens}, stream=True)


async def ready(engine: LocalEngine) -> None:
    until = time.monotonic() + 120
    while not engine.state.ready:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


async def said(engine: LocalEngine, prompt: str, tokens: int) -> str:
    pieces = [piece async for piece in engine.write(job(prompt, tokens))]
    return "".join(piece.text for piece in pieces if isinstance(piece, Delta))


@pytest.mark.skipif(not EARLY, reason="a loop here joins only pipes of its own")
def test_a_process_launched_early_is_the_one_that_answers_and_its_heir_answers_after_it(
    engine: LocalEngine,
) -> None:
    before = children()
    engine.launch()
    [launched] = children() - before

    async def use() -> None:
        await engine.start()
        await ready(engine)
        assert engine.pid == launched
        assert await said(engine, "quick", 3) == "word word word "
        psutil.Process(launched).kill()
        while engine.state.ready:
            await asyncio.sleep(0.01)
        await ready(engine)
        assert engine.pid != launched
        assert await said(engine, "quick", 2) == "word word "
        await engine.close()

    asyncio.run(use())
    assert children() == before


@pytest.mark.skipif(not EARLY, reason="a loop here joins only pipes of its own")
def test_what_is_launched_and_never_started_ends_with_its_engine(engine: LocalEngine) -> None:
    before = children()
    engine.launch()
    asyncio.run(engine.close())
    assert children() == before


def test_many_answers_at_once_come_each_to_its_own_reader(engine: LocalEngine) -> None:
    async def use() -> list[str]:
        await engine.start()
        await ready(engine)
        told = await asyncio.gather(*(said(engine, f"say {number}", 20) for number in range(20)))
        await engine.close()
        return list(told)

    assert asyncio.run(use()) == [f"{number}" + 19 * "word " for number in range(20)]


@pytest.mark.parametrize("logprobs", [None, 2])
def test_several_tokens_in_an_event_are_the_same_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logprobs: int | None
) -> None:
    monkeypatch.setenv("CATENARY_CACHE", str(tmp_path / "cache"))
    write_writer(tmp_path / "writer")
    settings = {"max_tokens": 60, "min_tokens": 60, "logprobs": logprobs}
    jobs = [WriteJob(prompts=(prompt,), settings=settings, stream=True) for prompt in ("a", "春江", "花月 b")]

    async def told(pieces_per_second: float) -> list[list[Delta | Spent]]:
        command = command_for(
            tmp_path / "writer",
            "generate",
            engine="openvino",
            threads=1,
            pieces_per_second=pieces_per_second,
        )
        engine = LocalEngine(command)
        await engine.start()
        await ready(engine)

        async def one(job: WriteJob) -> list[Delta | Spent]:
            return [piece async for piece in engine.write(job)]

        answers = await asyncio.gather(*map(one, jobs))
        await engine.close()
        return answers

    each, together = asyncio.run(told(1e9)), asyncio.run(told(0.001))
    for alone, joined in zip(each, together, strict=True):
        assert spoken(alone) == spoken(joined)
        assert [piece for piece in alone if isinstance(piece, Spent)][-1] == joined[-1]
    assert sum(map(len, together)) < sum(map(len, each))


def spoken(told: list[Delta | Spent]) -> tuple[str, int, list[object], str | None]:
    """Text, tokens, logprobs and how it ended."""
    deltas = [piece for piece in told if isinstance(piece, Delta)]
    logprobs = [one for piece in deltas for one in piece.logprobs]
    text = "".join(piece.text for piece in deltas)
    return text, sum(piece.tokens for piece in deltas), logprobs, deltas[-1].finish_reason
