"""Whatever is asked, cancelled and shared, each answer is the one it would be alone, and every block comes back."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.inference.generation import GenerationSettings
from catenary.inference.scheduler import Chunk, Limits, Scheduler
from catenary.inference.writing import Writing
from tests.inference.writers import byte_tokenizer

TOKENS = 40
TOKENIZER = byte_tokenizer()


class Remembering:
    """A `PagedModel` of arithmetic alone: the next token follows from all that stands in an answer's blocks."""

    def __init__(self, blocks: int, block_tokens: int) -> None:
        self.blocks, self.block_tokens = blocks, block_tokens
        self._held_PT = np.full((blocks, block_tokens), -1, np.int64)
        self.steps = 0

    def step(self, chunks: Sequence[Chunk]) -> Any:
        self.steps += 1
        rows = []
        for chunk in chunks:
            for place, id in enumerate(chunk.ids, chunk.start):
                self._held_PT[chunk.blocks[place // self.block_tokens], place % self.block_tokens] = id
        for chunk in chunks:
            end = chunk.start + len(chunk.ids)
            seen = self._held_PT[list(chunk.blocks)].reshape(-1)
            rows += [logits_after(seen[:at]) for at in range(end - chunk.last + 1, end + 1)]
        return np.array(rows, np.float32).reshape(len(rows), TOKENS)


def logits_after(seen: Any) -> Any:
    """Few next tokens, so that texts repeat themselves and guesses come true."""
    told = np.zeros(TOKENS, np.float32)
    told[20 + zlib.crc32(np.asarray(seen[-2:], np.int64).tobytes()) % 5] = 1.0
    return told


def alone(prompt: Sequence[int], count: int) -> list[int]:
    text = list(prompt)
    for _ in range(count):
        text.append(int(logits_after(text).argmax()))
    return text[len(prompt) :]


def writing(prompt: Sequence[int], count: int) -> Writing:
    return Writing(prompt, GenerationSettings(max_tokens=count), TOKENIZER, end_ids=(), room=200)


requests = st.lists(
    st.tuples(
        st.lists(st.integers(3, 6), min_size=1, max_size=30),  # alike, so that beginnings are shared
        st.integers(1, 12),  # tokens
        st.integers(1, 3),  # answers to it
        st.none() | st.integers(0, 6),  # cancelled after so many pieces
    ),
    min_size=1,
    max_size=12,
)


@given(requests, st.integers(1, 5), st.integers(0, 4), st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_each_answer_is_what_it_would_be_alone(
    asked: list[tuple[list[int], int, int, int | None]], block_tokens: int, guess_rows: int, spare: int
) -> None:
    most = max(-(-(len(prompt) + count) // block_tokens) for prompt, count, _, _ in asked)
    model = Remembering(most + spare, block_tokens)
    scheduler = Scheduler(
        model, Limits(rows=4, prompt_tokens_beside=3, prompt_tokens_alone=7, guess_rows=guess_rows)
    )
    failures: list[BaseException] = []

    def ask(prompt: list[int], count: int, answers: int, stop_after: int | None) -> None:
        try:
            jobs = scheduler.submit([writing(prompt, count) for _ in range(answers)])
            for job in jobs:
                pieces = 0
                while True:
                    if stop_after is not None and pieces >= stop_after:
                        scheduler.cancel([job])
                    piece = job.pieces.get(timeout=60)
                    assert not isinstance(piece, BaseException), piece
                    pieces += 1
                    if piece.finish_reason is not None:
                        break
                right = alone(prompt, count)
                assert list(job.writing.ids) == right[: len(job.writing.ids)]
                assert stop_after is not None or len(job.writing.ids) == count
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=one) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    scheduler.close()
    assert not failures, failures
    assert scheduler._pool.available == model.blocks
    assert scheduler._reserved == 0


class OneStepAtATime(Remembering):
    """Waits before each step until it is let go."""

    def __init__(self, blocks: int, block_tokens: int) -> None:
        super().__init__(blocks, block_tokens)
        self.go = threading.Semaphore(0)

    def step(self, chunks: Sequence[Chunk]) -> Any:
        self.go.acquire()
        return super().step(chunks)


def test_a_cancelled_answers_blocks_are_free_in_the_next_step() -> None:
    model = OneStepAtATime(10, 4)
    scheduler = Scheduler(model)
    [first] = scheduler.submit([writing([3] * 8, 32)])  # all blocks are its own
    [second] = scheduler.submit([writing([4] * 8, 32)])
    model.go.release()
    assert first.pieces.get(timeout=60).finish_reason is None
    scheduler.cancel([first])
    model.go.release(2)  # one may be under way; the next is the second's
    while first.pieces.get(timeout=60).finish_reason is None:
        pass
    second.pieces.get(timeout=60)
    assert model.steps == 3
    model.go.release(1000)
    scheduler.close()
