"""Writing with a model that starts rows (`rows.py`): torch with every family, OpenVINO with encoder–decoders.

Prompts of like length go together. What is kept of them is a value of the batch, so any number of threads may ask at
once; they do not share steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from threading import Lock
from typing import Any

from catenary.errors import Interrupted, InvalidInput
from catenary.inference.beams import best_of_beams
from catenary.inference.constrain import Constrainer, Matcher
from catenary.inference.constraint import Constraint
from catenary.inference.generation import (
    Completion,
    GenerationSettings,
    Piece,
    Prompt,
    Usage,
    gathered,
)
from catenary.inference.generator_folder import GeneratorFolder
from catenary.inference.memory import check_budget
from catenary.inference.port import Stop, never
from catenary.inference.rows import Logits, RowsModel
from catenary.inference.writing import Writing, next_pieces

ROWS = 32  # at once
CACHE_BYTES = 2 << 30  # of one batch


class RowsGenerator:
    """A `Generator` over any model that starts rows.

    `prompt_logits`: what the model thinks behind each token of a prompt, (T, V); without it no echo tells that.
    """

    def __init__(
        self,
        folder: GeneratorFolder,
        model: RowsModel,
        *,
        rows: int = ROWS,
        cache_bytes: int = CACHE_BYTES,
        prompt_logits: Callable[[Sequence[int]], Logits] | None = None,
    ) -> None:
        self.folder = folder
        self._prompt_logits = prompt_logits
        self._model, self._rows, self._cache_bytes = model, rows, cache_bytes
        self._constrainer: Constrainer | None = None
        self._lock = Lock()

    def generate(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings | None = None,
        *,
        stop: Stop = never,
    ) -> list[Completion]:
        """See `Generator.generate`."""
        settings = settings or GenerationSettings()
        read = [self.folder.read(prompt) for prompt in prompts]
        if settings.beams > 1:
            return [self._best(prompt, settings, stop) for prompt in read]
        asked = self._writings(read, settings)
        pieces: list[list[Piece]] = [[] for _ in prompts]
        waiting = sorted(
            ((number, one) for number, of in enumerate(asked) for one in of),
            key=lambda pair: -len(pair[1].prompt),
        )
        left = iter(waiting)
        while batch := list(islice(left, self._at_once(waiting, settings))):
            for step in self._steps([one for _, one in batch]):
                if stop():
                    raise Interrupted("The writing was stopped before its end.")
                for row, piece in step:
                    pieces[batch[row][0]].append(piece)
        return [gathered(of, _usage(writings)) for of, writings in zip(pieces, asked, strict=True)]

    def stream(self, prompt: Prompt, settings: GenerationSettings | None = None) -> RowsStream:
        """See `Generator.stream`."""
        settings = settings or GenerationSettings()
        if settings.beams > 1:
            raise InvalidInput(
                "Beam search does not stream: which beginning is best is known at the end.",
                got=f"beams: {settings.beams}",
                expected="beams: 1, or `generate`",
            )
        [writings] = self._writings([self.folder.read(prompt)], settings)
        return RowsStream(self._steps(writings), writings)

    def close(self) -> None:
        """See `Generator.close`."""

    def _best(self, prompt: list[int], settings: GenerationSettings, stop: Stop) -> Completion:
        """The best of the beams. What is written after a stop text is cut off."""
        self._check_room([prompt], settings, settings.beams)
        found = best_of_beams(
            self._model,
            prompt,
            beams=settings.beams,
            new_tokens=min(settings.max_tokens, self.folder.room(prompt)),
            end_ids=self.folder.end_ids | set(settings.stop_ids),
            length_penalty=settings.length_penalty,
            no_repeat_ngram=settings.no_repeat_ngram,
            stop=stop,
        )
        [[writing]] = self._writings(
            [prompt], replace(settings, beams=1, length_penalty=1.0, no_repeat_ngram=0)
        )
        pieces = []
        for token in found:
            pieces.append(writing.take(token))
            if writing.finish_reason is not None:
                break
        else:
            pieces.append(writing.end("stop"))
        return gathered(pieces, _usage([writing]))

    def _writings(self, prompts: Sequence[list[int]], settings: GenerationSettings) -> list[list[Writing]]:
        self.folder.check(settings)
        if settings.scores_prompt and self._prompt_logits is None:
            raise InvalidInput(
                "This engine tells no log probabilities of a prompt.",
                got="echo, logprobs",
                expected="a decoder",
            )
        return [
            [
                Writing(
                    prompt,
                    settings,
                    self.folder.tokenizer,
                    end_ids=self.folder.end_ids,
                    room=self.folder.room(prompt),
                    number=number,
                    choice=choice,
                    matcher=self._matcher(settings.constraint),
                )
                for choice in range(settings.n)
            ]
            for number, prompt in enumerate(prompts)
        ]

    def _matcher(self, constraint: Constraint | None) -> Matcher | None:
        if constraint is None:
            return None
        with self._lock:
            if self._constrainer is None:
                folder = self.folder
                self._constrainer = Constrainer(folder.tokenizer, folder.vocab_size, folder.end_ids)
        return self._constrainer.matcher(constraint)

    def _at_once(self, waiting: Sequence[tuple[int, Writing]], settings: GenerationSettings) -> int:
        """How many rows the cache's bytes allow. Raises InvalidInput where not even one has room."""
        if not waiting:
            return 1
        each = self._check_room([waiting[0][1].prompt], settings, 1)
        return max(1, min(self._rows, self._cache_bytes // each))

    def _check_room(self, prompts: Sequence[Sequence[int]], settings: GenerationSettings, rows: int) -> int:
        """The bytes of a row, where so many have room; else InvalidInput."""
        longest = max(map(len, prompts))
        each = self._model.row_bytes(longest, min(settings.max_tokens, self.folder.room([0] * longest)))
        check_budget("the keys and values of an answer", each * rows, self._cache_bytes)
        return max(1, each)

    def _steps(self, writings: Sequence[Writing]) -> Iterator[list[tuple[int, Piece]]]:
        """Each step's pieces with the number of their row, until all have ended."""
        prompts = [one.prompt for one in writings]
        for writing in writings:
            if writing.settings.scores_prompt and self._prompt_logits is not None:
                writing.hear(0, self._prompt_logits(writing.prompt))
        new_tokens = max(one.most for one in writings)
        rows, logits_BV = self._model.start(prompts, new_tokens)
        alive = list(range(len(writings)))
        while True:
            told = next_pieces([writings[row] for row in alive], logits_BV)
            yield list(zip(alive, told, strict=True))
            going = [at for at, row in enumerate(alive) if writings[row].finish_reason is None]
            if not going:
                return
            if len(going) < len(alive):
                rows.keep(going)
                alive = [alive[at] for at in going]
            logits_BV = rows.read([writings[row].ids[-1] for row in alive])


class RowsStream:
    """A `Stream` that works on the thread of whoever reads it."""

    def __init__(self, steps: Iterator[list[tuple[int, Piece]]], writings: Sequence[Writing]) -> None:
        self._steps, self._writings = steps, writings
        self._ready: list[Piece] = []

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        while not self._ready:
            self._ready = [piece for _, piece in next(self._steps)]
        return self._ready.pop(0)

    def pour(self, told: Callable[[Piece], None]) -> None:
        """See `Stream.pour`."""
        for piece in self:
            told(piece)

    def cancel(self) -> None:
        """See `Stream.cancel`."""
        ended = [one.cancel() for one in self._writings if one.finish_reason is None]
        self._steps = iter([])
        self._ready += ended

    @property
    def usage(self) -> Usage:
        """See `Stream.usage`."""
        return _usage(self._writings)

    def __enter__(self) -> RowsStream:
        return self

    def __exit__(self, *_: Any) -> None:
        self.cancel()


def _usage(writings: Sequence[Writing]) -> Usage:
    return Usage(len(writings[0].prompt), sum(len(one.ids) for one in writings))
