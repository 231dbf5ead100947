"""An application as an engine of the service."""

from __future__ import annotations

import asyncio

from catenary.applications import AppEngine
from catenary.apps.templates import prompted
from catenary.serve.engine import Delta, WriteJob
from catenary.serve.served import Served
from catenary.serve.upstream import Upstream
from tests.serve.upstream_server import UpstreamServer


def test_an_answer_that_its_model_had_to_break_off_says_so() -> None:
    async def asked(url: str) -> list[Delta]:
        other = Served("other", "generate", Upstream(url, "theirs", retries=0), "rel-1", "released", "d1")
        engine = AppEngine(
            "poem", lambda tools: prompted("write.poem", tools.writer("other")), {"other": other}
        )
        await other.engine.start()
        try:
            job = WriteJob(prompts=([{"role": "user", "content": "rain"}],), settings={"max_tokens": 2})
            return [piece async for piece in engine.write(job) if isinstance(piece, Delta)]
        finally:
            await other.engine.close()

    with UpstreamServer() as there:
        *said, last = asyncio.run(asked(there.url))
    assert "".join(one.text for one in said).split() == ["word", "word"]
    assert last.finish_reason == "length"
