"""What passes through an application, and the models as it sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from catenary.messages import Language, language_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Note:
    """What an answer stands on, for its receipt: JSON values by name. A later note adds to an earlier one."""

    values: Mapping[str, Any]


Piece = str | Note


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said so far, the question last. `max_tokens` bounds what a model may write."""

    messages: Sequence[Mapping[str, Any]]
    max_tokens: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, question: str) -> Conversation:
        """One that begins with this question."""
        return cls([{"role": "user", "content": question}])

    @property
    def asked(self) -> list[str]:
        """All that the user said, in order."""
        return [str(one.get("content") or "") for one in self.messages if one.get("role") == "user"]

    @property
    def question(self) -> str:
        """What the user said last."""
        return self.asked[-1] if self.asked else ""

    @property
    def language(self) -> Language:
        """The question's: Chinese where it has a Chinese character."""
        return language_of(self.question)


App = Callable[[Conversation], AsyncIterator[Piece]]
"""An application."""

Embed = Callable[[Sequence[str]], Awaitable["npt.NDArray[np.float32]"]]
"""Texts → one vector of length 1 each."""

Classify = Callable[[Sequence[str]], Awaitable[list[Mapping[str, float]]]]
"""Texts → the probabilities of their labels, most probable first."""

Rerank = Callable[[str, Sequence[str]], Awaitable[list[float]]]
"""A question and passages → how relevant each of them is, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Screened:
    """Passages as a model may read them, None where it may not; what the guard said, each with the passage's row."""

    texts: Sequence[str | None]
    verdicts: Sequence[tuple[int, Mapping[str, Any]]] = ()


Screen = Callable[[Sequence[str]], Awaitable[Screened]]
"""What reads passages before a model does: who wrote a document may have meant to be obeyed."""


async def unscreened(texts: Sequence[str]) -> Screened:
    """A `Screen` that lets everything pass."""
    return Screened(texts)


class ChatModel(Protocol):
    """A model that writes, by its endpoint."""

    @property
    def name(self) -> str:
        """The endpoint's."""

    @property
    def translates(self) -> bool:
        """Whether it turns a text into another language and takes no instruction."""

    def write(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        repeats: bool = False,
    ) -> AsyncIterator[str]:
        """The answer, piece by piece; JSON of this `schema` where one is given.

        `repeats`: it has to say the same words again, as programs do; else models are kept from it.
        """


async def whole(pieces: AsyncIterator[str]) -> str:
    """All of an answer."""
    return "".join([piece async for piece in pieces])
