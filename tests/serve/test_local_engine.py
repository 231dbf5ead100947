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
from catenary.serve.engine import Delta, WriteJob
from catenary.serve.local_engine import LocalEngine

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
