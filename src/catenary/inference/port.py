"""The port that every engine stands behind: texts in; scores, vectors or more text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from catenary.errors import Interrupted, InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from catenary.inference.generation import Completion, GenerationSettings, Piece, Prompt, Usage
    from catenary.inference.generator_folder import GeneratorFolder

Text = str | tuple[str, str]
"""What a classifier reads: a text, or a pair of them, such as a question and a passage."""

Stop = Callable[[], bool]
"""Asked between batches; True ends the work with Interrupted."""


def never() -> bool:
    """A `Stop` that lets the work go on."""
    return False


@dataclass(frozen=True, slots=True)
class Scores:
    """What a classifier says of one text.

    `probabilities` holds every label, most probable first, summing to 1. `tokens` counts what the model read,
    special tokens included; `truncated` says that the text went on after that.
    """

    probabilities: Mapping[str, float]
    tokens: int
    truncated: bool

    @property
    def label(self) -> str:
        """The most probable label."""
        return next(iter(self.probabilities))


class Classifier(Protocol):
    """A loaded model that labels texts. Safe to call from several threads."""

    @property
    def labels(self) -> Sequence[str]:
        """Every label it can give, in the model's order."""

    def classify(self, texts: Sequence[Text], *, stop: Stop = never) -> list[Scores]:
        """One `Scores` a text, in the order of `texts`.

        Raises InvalidInput for a text that is no Unicode text and for pairs where the model or its engine reads none,
        Interrupted when `stop` says so.
        """


class Embedder(Protocol):
    """A loaded model that makes vectors of texts. Safe to call from several threads."""

    @property
    def size(self) -> int:
        """How many numbers a vector has."""

    def embed(self, texts: Sequence[str], *, stop: Stop = never) -> Embeddings:
        """One vector of length 1 a text. Raises what `Classifier.classify` raises."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """`vectors`: float32, (texts, size). `tokens`: what the model read of each text; `truncated`: it went on."""

    vectors: NDArray[np.float32]
    tokens: tuple[int, ...]
    truncated: tuple[bool, ...]


class Stream(Protocol):
    """The pieces of one request as they come. Leaving its `with` block, or `cancel`, ends the work within a step."""

    def __iter__(self) -> Iterator[Piece]: ...

    def __next__(self) -> Piece: ...

    def pour(self, told: Callable[[Piece], None]) -> None:
        """Tell every piece and return after the last; several answers' pieces come as they are written.

        `told` is called from the engine's own thread too, which writes for others meanwhile: it must neither wait nor
        raise. Raises what reading the pieces would.
        """

    def cancel(self) -> None:
        """End every answer that has not ended: each tells one more piece, `cancelled`."""

    @property
    def usage(self) -> Usage:
        """Tokens so far."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: Any) -> None: ...


class Generator(Protocol):
    """A loaded model that writes. Safe to call from several threads, whose requests share its steps where it can."""

    @property
    def folder(self) -> GeneratorFolder:
        """Its tokenizer, chat template and limits."""

    def generate(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings | None = None,
        *,
        stop: Stop = never,
    ) -> list[Completion]:
        """The answers to many prompts, in their order; asked together, so that the engine may work on all at once.

        Raises InvalidInput for a prompt or a setting that the model or the engine cannot honour, or too little memory;
        Interrupted when `stop` says so.
        """

    def stream(self, prompt: Prompt, settings: GenerationSettings | None = None) -> Stream:
        """The answers to one prompt, piece by piece. Raises as `generate` does, before the first piece."""

    def close(self) -> None:
        """End its threads and give its memory back."""


@runtime_checkable
class Paced(Protocol):
    """A generator that writes many answers side by side, and can tell several tokens of one at a time."""

    def pace(self, pieces_per_second: float) -> None:
        """Tell poured streams at most so many pieces a second, all together (see `pace.py`); inf: each token."""


def ranked(labels: Sequence[str], probabilities: Sequence[float]) -> dict[str, float]:
    """Label → probability, most probable first; equal ones keep the model's order."""
    pairs = zip(labels, map(float, probabilities), strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def singles(texts: Sequence[Text]) -> list[str]:
    """The texts, of which none may be a pair. Raises InvalidInput."""
    told = [text for text in texts if isinstance(text, str)]
    if len(told) < len(texts):
        raise InvalidInput(
            "This classifier reads single texts, no pairs of them.",
            expected="a model trained with `text_pair`, released with `formats: [safetensors]`",
        )
    return told


def go_on(stop: Stop) -> None:
    """Return unless `stop` says to end the work."""
    if stop():
        raise Interrupted("The work was stopped before its end.")
