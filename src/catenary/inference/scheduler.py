"""Many answers at once over a paged model: a step takes one token of each running answer and a share of new prompts.

The life of a request, in six steps:

1. `submit` counts the blocks that its prompt and longest answer need; what could never fit is refused here.
2. It waits in line until so many blocks are free; then they are its own until it ends: no answer is ever thrown out.
3. How its prompt begins is looked up among the blocks that are kept; the rest is read in chunks, beside the others'
   next tokens, so that a long prompt does not hold up those who are writing.
4. Each step gives logits and `Writing` chooses; when all have chosen, each piece goes to its request, or waits there
   for the next where many are written (`pace.py`).
5. Greedy answers may guess the next tokens from what was said before (`guess.py`) and have them checked in one step.
6. Its blocks are given back in the step in which it ends or is cancelled.

(Orca: Yu et al., OSDI 2022; chunked prompts: Agrawal et al. 2023, 2308.16369.)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged, InvalidInput, Refused
from catenary.inference.blocks import BlockPool
from catenary.inference.generation import Piece, joined
from catenary.inference.guess import PATIENCE, PAUSE, guess
from catenary.inference.pace import Pace
from catenary.inference.writing import Writing, next_pieces


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one answer to read in a step: `ids` behind `start` tokens already in `blocks`; logits of the `last`."""

    ids: Sequence[int]
    start: int
    blocks: Sequence[int]
    last: int


class PagedModel(Protocol):
    """A model whose keys and values lie in blocks."""

    @property
    def blocks(self) -> int:
        """How many there are."""

    @property
    def block_tokens(self) -> int:
        """Tokens in each."""

    def step(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """Read all chunks; the logits of the `last` tokens of each, one after the other: (rows, V)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Answers that run at once, and tokens of new prompts in a step: beside running answers, and alone."""

    rows: int = 64
    prompt_tokens_beside: int = 256
    prompt_tokens_alone: int = 512
    guess_rows: int = 0  # greedy answers guess while at most so many run; see openvino/__init__.py


class Pieces:
    """What one answer told and nobody has read yet; or it is handed on as it comes, on the scheduler's thread."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Piece | BaseException] = SimpleQueue()
        self._hand_on: Callable[[Piece | BaseException], None] | None = None
        self._held: list[Piece] = []
        self._began = False
        self._lock = Lock()

    def put(self, piece: Piece | BaseException, *, due: bool = True) -> None:
        """Tell `piece`. One that is not `due` is handed on with the next, unless it is the first or the last."""
        with self._lock:
            if self._hand_on is None:
                self._waiting.put(piece)
            elif isinstance(piece, BaseException):
                self._hand_on_held()
                self._hand_on(piece)
            else:
                self._held.append(piece)
                if due or not self._began or piece.finish_reason is not None:
                    self._hand_on_held()

    def _hand_on_held(self) -> None:
        if self._held:
            assert self._hand_on is not None
            self._hand_on(joined(self._held))
            self._held, self._began = [], True

    def get(self, timeout: float | None = None) -> Piece | BaseException:
        """The next; waits for it."""
        return self._waiting.get(timeout=timeout)

    def hand_on(self, to: Callable[[Piece | BaseException], None]) -> None:
        """From now on `to` is told each piece, and first of all what waits. It must neither wait nor raise."""
        with self._lock:
            while not self._waiting.empty():
                to(self._waiting.get())
            self._hand_on = to


@dataclass(slots=True, eq=False)
class Job:
    """One answer's way through the scheduler. `pieces` ends with one that has a finish_reason, or with an error."""

    writing: Writing
    need: int  # blocks, for the longest answer
    after: Job | None = None  # the first answer to the same prompt: its blocks are shared once it has read it
    pieces: Pieces = field(default_factory=Pieces)
    blocks: list[int] = field(default_factory=list)
    read: int = 0  # tokens in the blocks
    cached_tokens: int = 0
    kept: int = 0  # blocks that others may find
    cancelled: bool = False
    guess: list[int] = field(default_factory=list)
    wrong_guesses: int = 0  # in a row

    @property
    def ids(self) -> list[int]:
        return [*self.writing.prompt, *self.writing.ids]

    @property
    def scores_prompt(self) -> bool:
        return self.writing.settings.scores_prompt

    @property
    def prompt_left(self) -> int:
        return len(self.writing.prompt) - self.read


class Scheduler:
    """Runs steps on a thread of its own while there is something to write."""

    def __init__(self, model: PagedModel, limits: Limits | None = None) -> None:
        self._model, self.limits = model, limits or Limits()
        self.pace = Pace()
        self._pool = BlockPool(model.blocks, model.block_tokens)
        self._reserved = 0
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="catenary-scheduler", daemon=True)
        self._thread.start()

    def submit(self, writings: Sequence[Writing]) -> list[Job]:
        """Put answers in line, all or none. Raises InvalidInput for one that the cache could never hold."""
        jobs: list[Job] = []
        for writing in writings:
            need = self._pool.blocks_for(len(writing.prompt) + writing.most)
            if need > self._pool.blocks:
                raise InvalidInput(
                    "The prompt and its longest answer do not fit into the cache.",
                    got=f"{len(writing.prompt)} + {writing.most} tokens",
                    expected="at most {tokens} tokens: a smaller max_tokens, or a larger cache",
                    tokens=self._pool.blocks * self._pool.block_tokens,
                )
            first = next((job for job in jobs if job.writing.prompt is writing.prompt), None)
            jobs.append(Job(writing, need, first))
        with self._changed:
            if self._closed:
                raise Refused("This model was closed.")
            self._waiting += jobs
            self._changed.notify()
        return jobs

    def cancel(self, jobs: Sequence[Job]) -> None:
        """End these before the next step."""
        with self._changed:
            for job in jobs:
                job.cancelled = True
            self._changed.notify()

    def close(self) -> None:
        """Cancel everything and end the thread."""
        with self._changed:
            self._closed = True
            for job in (*self._waiting, *self._running):
                job.cancelled = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._running or self._closed):
                    self._changed.wait()
                if self._closed and not (self._waiting or self._running):
                    return
                self._drop_cancelled()
                self._admit()
            try:
                if self._running:
                    self._step()
            except BaseException as error:  # every reader is told; the thread goes on for the others to come
                for job in self._running:
                    job.pieces.put(error)
                    self._give_back(job)
                self._running = []

    def _drop_cancelled(self) -> None:
        for job in [job for job in (*self._waiting, *self._running) if job.cancelled]:
            if job in self._running:
                self._running.remove(job)
                self._give_back(job)
            else:
                self._waiting.remove(job)
            job.pieces.put(job.writing.cancel())

    def _admit(self) -> None:
        """Those at the head of the line whose longest answer fits beside the longest answers of the others."""
        while self._waiting and len(self._running) < self.limits.rows:
            job = self._waiting[0]
            first = job.after
            if self._reserved + job.need > self._pool.blocks:
                return
            if first is not None and first in self._running and first.prompt_left > 0:
                return  # in the next step its prompt is there to share
            self._waiting.popleft()
            self._reserved += job.need
            # Of a prompt whose tokens are told, all is read: what is kept of it tells no logits.
            job.blocks = [] if job.scores_prompt else self._pool.known(job.writing.prompt)
            job.kept = len(job.blocks)
            job.read = job.cached_tokens = job.kept * self._pool.block_tokens
            self._running.append(job)

    def _step(self) -> None:
        jobs, chunks = self._chunks()
        logits = self._model.step(chunks)
        told: list[tuple[Job, Piece | BaseException]] = []
        at = 0
        for job, chunk in zip(jobs, chunks, strict=True):
            job.read = chunk.start + len(chunk.ids)
            rows = logits[at : at + chunk.last]
            at += chunk.last
            if job.scores_prompt and chunk.start < len(job.writing.prompt):
                job.writing.hear(chunk.start, rows)
                rows = rows[-1:] if job.prompt_left <= 0 else rows[:0]
            told += [(job, piece) for piece in self._taken(job, rows)]
            self._keep(job)
        # Together, for whoever hears one wakes up and takes the interpreter from the choosing.
        due = self.pace.due(len(self._running), time.monotonic())
        for job, piece in told:
            job.pieces.put(piece, due=due)
        for job in [job for job in self._running if job.writing.finish_reason is not None]:
            self._running.remove(job)
            self._give_back(job)

    def _chunks(self) -> tuple[list[Job], list[Chunk]]:
        """What the next step reads: a token of each that writes, then prompts in the order in which they came."""
        writing = [job for job in self._running if job.prompt_left <= 0]
        left = self.limits.prompt_tokens_beside if writing else self.limits.prompt_tokens_alone
        jobs, chunks = [], []
        for job in self._running:
            if job.prompt_left <= 0:
                job.guess = self._guess(job) if len(writing) <= self.limits.guess_rows else []
                ids = [job.writing.ids[-1], *job.guess]
                last = len(ids)
            elif left > 0:
                ids = list(job.writing.prompt[job.read : job.read + left])
                left -= len(ids)
                last = len(ids) if job.scores_prompt else 1 if len(ids) == job.prompt_left else 0
            else:
                continue
            self._hold(job, job.read + len(ids))
            jobs.append(job)
            chunks.append(Chunk(ids, job.read, job.blocks, last))
        return jobs, chunks

    def _guess(self, job: Job) -> list[int]:
        writing = job.writing
        if not writing.plain or (job.wrong_guesses >= PATIENCE and len(writing.ids) % PAUSE):
            return []
        return guess(job.ids, most=writing.most - len(writing.ids) - 1)

    def _taken(self, job: Job, logits_TV: NDArray[np.float32]) -> list[Piece | BaseException]:
        """Write the tokens that a step gave: one, and as many more as were guessed right."""
        told: list[Piece | BaseException] = []
        for number, logits_V in enumerate(logits_TV):
            try:
                told += next_pieces([job.writing], logits_V[None])
            except (
                InvalidInput,
                Damaged,
            ) as error:  # a constraint past its bounds, say: this answer's fault alone
                job.writing.cancel()
                return [*told, error]
            if job.writing.finish_reason is not None:
                return told
            if number < len(job.guess) and job.guess[number] != job.writing.ids[-1]:
                job.wrong_guesses = 0 if number else job.wrong_guesses + 1
                job.read -= len(job.guess) - number  # what was read behind a wrong guess is overwritten
                return told
        if job.guess:
            job.wrong_guesses = 0
        return told

    def _hold(self, job: Job, tokens: int) -> None:
        """Blocks for so many tokens, of those reserved."""
        job.blocks += self._pool.take(self._pool.blocks_for(tokens) - len(job.blocks))

    def _keep(self, job: Job) -> None:
        """Let others find the blocks that are full."""
        full = job.read // self._pool.block_tokens
        if full > job.kept:
            self._pool.keep(job.ids, job.blocks[:full])
            job.kept = full

    def _give_back(self, job: Job) -> None:
        self._pool.release(job.blocks)
        self._reserved -= job.need
        job.blocks = []
