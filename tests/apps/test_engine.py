"""An application as an engine of the service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from catenary.applications import AppEngine
from catenary.apps.templates import prompted
from catenary.serve.engine import Delta, WriteJob
from catenary.serve.served import Served
from catenary.serve.upstream import Upstream
from tests.serve.upstream_server import UpstreamServer


async def asked(url: str, name: str) -> list[Delta]:
    other = Served("other", "generate", Upstream(url, "theirs", retries=0), "rel-1", "released", "d1")
    engine = AppEngine("told", lambda tools: prompted(name, tools.writer("other")), {"other": other})
    await other.engine.start()
    try:
        job = WriteJob(prompts=([{"role": "user", "content": "rain"}],), settings={"max_tokens": 2})
        return [piece async for piece in engine.write(job) if isinstance(piece, Delta)]
    finally:
        await other.engine.close()


def test_an_answer_that_its_model_had_to_break_off_says_so() -> None:
    with UpstreamServer() as there:
        *said, last = asyncio.run(asked(there.url, "write.poem"))
    assert "".join(one.text for one in said).split() == ["word", "word"]
    assert last.finish_reason == "length"


@pytest.mark.parametrize(
    ("name", "kept"), [("write.poem", True), ("code.explain", True), ("code.complete", False)]
)
def test_models_are_kept_from_repeating_themselves_but_in_programs(name: str, kept: bool) -> None:
    with UpstreamServer() as there:
        asyncio.run(asked(there.url, name))
        [body] = [one for one in there.asked if "messages" in one]
    told: dict[str, Any] = body
    assert ("repetition_penalty" in told) == kept
