"""OpenVINO as the engine that writes: the default for decoders. Needs openvino and tokenizers; no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Lock
from typing import Any

from catenary.errors import Interrupted, InvalidInput
from catenary.inference.constrain import Constrainer, Matcher
from catenary.inference.constraint import Constraint
from catenary.inference.generation import Completion, GenerationSettings, Piece, Prompt, Usage, gathered
from catenary.inference.generator_folder import GeneratorFolder
from catenary.inference.pace import Pace
from catenary.inference.port import Stop, never
from catenary.inference.rows import RowsModel
from catenary.inference.rows_generator import RowsGenerator
from catenary.inference.scheduler import Job, Limits, PagedModel, Scheduler
from catenary.inference.writing import Writing

STOP_ASKED_EVERY_PIECES = 8


class PagedGenerator:
    """A `Generator` over a paged model: requests of all threads share its steps."""

    def __init__(
        self,
        folder: GeneratorFolder,
        model: PagedModel,
        limits: Limits | None = None,
        beams: Callable[[], RowsModel] | None = None,
    ) -> None:
        self.folder = folder
        self._beams = beams
        self._searcher: RowsGenerator | None = None
        self._scheduler = Scheduler(model, limits)
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
        if settings.beams > 1 and self._beams is not None:
            return self._beam_searcher(self._beams).generate(prompts, settings, stop=stop)
        asked = [
            self._writings(self.folder.read(prompt), settings, number)
            for number, prompt in enumerate(prompts)
        ]
        jobs = self._scheduler.submit([one for of in asked for one in of])
        left = iter(jobs)
        told = []
        try:
            for writings in asked:
                stream = JobStream(self._scheduler, [next(left) for _ in writings])
                pieces = []
                for number, piece in enumerate(stream):
                    pieces.append(piece)
                    if number % STOP_ASKED_EVERY_PIECES == 0 and stop():
                        raise Interrupted("The writing was stopped before its end.")
                told.append(gathered(pieces, stream.usage))
        finally:
            self._scheduler.cancel([job for job in jobs if job.writing.finish_reason is None])
        return told

    def stream(self, prompt: Prompt, settings: GenerationSettings | None = None) -> JobStream:
        """See `Generator.stream`."""
        writings = self._writings(self.folder.read(prompt), settings or GenerationSettings(), 0)
        return JobStream(self._scheduler, self._scheduler.submit(writings))

    def pace(self, pieces_per_second: float) -> None:
        """See `Paced.pace`."""
        self._scheduler.pace = Pace(pieces_per_second)

    def close(self) -> None:
        """See `Generator.close`."""
        self._scheduler.close()

    def _beam_searcher(self, model: Callable[[], RowsModel]) -> RowsGenerator:
        """Compiled when beams are first asked for: its weights take their room once more."""
        with self._lock:
            if self._searcher is None:
                self._searcher = RowsGenerator(self.folder, model())
            return self._searcher

    def _writings(self, prompt: list[int], settings: GenerationSettings, number: int) -> list[Writing]:
        if settings.beams > 1:
            raise InvalidInput(
                "Beam search does not stream: which beginning is best is known at the end.",
                got=f"beams: {settings.beams}",
                expected="beams: 1, or `generate`",
            )
        self.folder.check(settings)
        return [
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

    def _matcher(self, constraint: Constraint | None) -> Matcher | None:
        if constraint is None:
            return None
        with self._lock:
            if self._constrainer is None:
                folder = self.folder
                self._constrainer = Constrainer(folder.tokenizer, folder.vocab_size, folder.end_ids)
        return self._constrainer.matcher(constraint)


class JobStream:
    """A `Stream` of the scheduler's pieces, answer by answer where there are several."""

    def __init__(self, scheduler: Scheduler, jobs: Sequence[Job]) -> None:
        self._scheduler, self._jobs = scheduler, jobs
        self._at = 0

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        if self._at == len(self._jobs):
            raise StopIteration
        piece = self._jobs[self._at].pieces.get()
        if isinstance(piece, BaseException):
            self._at = len(self._jobs)
            raise piece
        if piece.finish_reason is not None:
            self._at += 1
        return piece

    def pour(self, told: Callable[[Piece], None]) -> None:
        """See `Stream.pour`."""
        ended: SimpleQueue[Piece | BaseException] = SimpleQueue()

        def hear(piece: Piece | BaseException) -> None:
            if isinstance(piece, BaseException) or piece.finish_reason is not None:
                ended.put(piece)
            else:
                told(piece)

        for job in self._jobs[self._at :]:
            job.pieces.hand_on(hear)
        while self._at < len(self._jobs):
            piece = ended.get()
            if isinstance(piece, BaseException):
                self._at = len(self._jobs)
                raise piece
            self._at += 1
            told(piece)

    def cancel(self) -> None:
        """See `Stream.cancel`."""
        self._scheduler.cancel([job for job in self._jobs if job.writing.finish_reason is None])

    @property
    def usage(self) -> Usage:
        """See `Stream.usage`."""
        return Usage(
            len(self._jobs[0].writing.prompt),
            sum(len(job.writing.ids) for job in self._jobs),
            self._jobs[0].cached_tokens,
        )

    def __enter__(self) -> JobStream:
        return self

    def __exit__(self, *_: Any) -> None:
        self.cancel()
