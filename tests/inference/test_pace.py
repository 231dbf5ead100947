"""Pieces that are told together lose no token, no text and no order, and nobody waits for the first or the last."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.inference.generation import GenerationSettings, Piece, gathered
from catenary.inference.openvino.generator import JobStream
from catenary.inference.pace import MOST_HELD_SECONDS, Pace
from catenary.inference.scheduler import Chunk, Scheduler
from catenary.inference.writing import Writing
from tests.inference.test_scheduler import TOKENIZER, Remembering


@given(
    st.floats(1, 1000),
    st.lists(st.tuples(st.floats(0.001, 0.5), st.integers(1, 64)), min_size=2, max_size=200),
)
def test_each_answer_is_told_in_time_and_all_no_more_often_than_asked(
    per_second: float, steps: list[tuple[float, int]]
) -> None:
    pace, now, told = Pace(per_second), 1000.0, -math.inf
    for seconds, answers in steps:
        now += seconds
        gap = min(answers / per_second, MOST_HELD_SECONDS)
        if pace.due(answers, now):
            assert now - told >= gap - seconds / 2 - 1e-6
            told = now
        else:
            assert now - told < gap  # what is held has not been held for longer than it may be


def test_without_a_rate_each_token_is_told() -> None:
    pace = Pace()
    assert all(pace.due(64, at / 1000) for at in range(100))


class Failing(Remembering):
    """Its step fails after so many."""

    fails_after = 10**9

    def step(self, chunks: Sequence[Chunk]) -> Any:
        if self.steps >= self.fails_after:
            raise RuntimeError("the model is gone")
        return super().step(chunks)


def written(number: int, tokens: int) -> Writing:
    settings = GenerationSettings(max_tokens=tokens, logprobs=1)
    return Writing([3, 4 + number], settings, TOKENIZER, end_ids=(), room=200)


def test_pieces_told_together_are_the_answers() -> None:
    model = Remembering(400, 4)
    slow, each = Scheduler(model), Scheduler(Remembering(400, 4))
    slow.pace = Pace(0.001)
    told: list[list[Piece]] = [[] for _ in range(8)]

    def pour(number: int) -> None:
        JobStream(slow, slow.submit([written(number, 190)])).pour(told[number].append)

    threads = [threading.Thread(target=pour, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number, pieces in enumerate(told):
        alone = JobStream(each, each.submit([written(number, 190)]))
        whole = list(alone)
        assert len(whole) == 190
        assert len(pieces) < 190
        assert gathered(pieces, alone.usage) == gathered(whole, alone.usage)
    slow.close()
    each.close()


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_what_was_held_is_told_before_the_end(how: str) -> None:
    model = Failing(50, 4)
    model.fails_after = 20 if how == "failed" else 10**9
    scheduler = Scheduler(model)
    scheduler.pace = Pace(0.001)
    told: SimpleQueue[Piece] = SimpleQueue()
    with JobStream(scheduler, scheduler.submit([written(0, 190)])) as stream:

        def hear(piece: Piece) -> None:
            told.put(piece)
            if how == "cancelled":
                stream.cancel()

        if how == "failed":
            with pytest.raises(RuntimeError, match="gone"):
                stream.pour(hear)
        else:
            stream.pour(hear)
        pieces = [told.get() for _ in range(told.qsize())]
        assert sum(len(piece.ids) for piece in pieces) == stream.usage.completion_tokens
        assert (pieces[-1].finish_reason == "cancelled") == (how == "cancelled")
    scheduler.close()
