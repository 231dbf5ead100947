"""Load on a server: every request is counted, failures by their kind, and time from when it was due."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from catenary.serve.load_test import Load, Percentiles, Seen, percentiles, press, summed
from tests.serve.conftest import Server, Start
from tests.serve.upstream_server import UpstreamServer


@pytest.fixture(scope="module")
def there() -> Iterator[UpstreamServer]:
    with UpstreamServer() as one:
        yield one


def test_every_answer_is_counted(there: UpstreamServer) -> None:
    there.forget()
    for stream in (True, False):
        load = Load(there.url, "any", requests=20, at_once=4, words=9, new=7, stream=stream)
        told = summed(*asyncio.run(press(load)))
        assert (told.answered, told.failed) == (20, {})
        assert told.tokens_per_second * told.seconds == pytest.approx(20 * 7)
        assert told.first is not None
        assert told.whole is not None
        assert told.first.p50 <= told.whole.p50
        assert (told.between is not None) == stream
    assert len({one["messages"][0]["content"] for one in there.asked}) == 20  # the same ones each time
    assert all(len(one["messages"][0]["content"].split()) == 9 for one in there.asked)


def test_failures_are_told_by_their_kind(there: UpstreamServer) -> None:
    there.forget()
    there.next(503, 503, 500, "cut")
    told = summed(*asyncio.run(press(Load(there.url, "any", requests=10, at_once=1, new=5))))
    assert (told.answered, told.failed) == (6, {"503": 2, "500": 1, "cut": 1})


def test_with_a_rate_time_counts_from_when_a_request_was_due(there: UpstreamServer) -> None:
    there.forget()
    there.next("hold")  # the one place is taken, while nine more become due

    async def stalled() -> list[Seen]:
        load = Load(there.url, "any", requests=10, at_once=1, rate=1000, new=3)
        pressing = asyncio.create_task(press(load))
        await asyncio.sleep(1)
        there.go.set()
        return (await pressing)[0]

    seen = asyncio.run(stalled())
    assert all(one.ended - one.due > 0.5 for one in seen)


def test_percentiles() -> None:
    assert percentiles([]) is None
    assert percentiles([0.002]) == Percentiles(2, 2, 2)
    assert percentiles([n / 1000 for n in range(1, 101)]) == pytest.approx(Percentiles(50, 95, 99))


def test_the_command_presses_our_own_server(start: Start) -> None:
    from tests.cli.conftest import call

    server: Server = start(writer=True)
    asked = (
        "bench",
        "serve",
        f"{server.url}/v1",
        "--requests",
        "6",
        "--at-once",
        "3",
        "--new",
        "4",
        "--words",
    )
    told = call(*asked, "3", "--exact", "--json")
    assert told.code == 0, told.err
    figures = json.loads(told.out)
    assert figures["model"] == "words"
    table = call(*asked, "3", "--model", "writer", "--rate", "50")
    assert table.code == 0, table.err
    assert "new tokens/s" in table.out
    nobody = call("bench", "serve", "http://127.0.0.1:9/v1")
    assert (nobody.code, "No OpenAI-compatible server" in nobody.err) == (3, True)
