"""The port that every engine stands behind here: asked from the event loop, wherever the work is done.

`local_engine.py` asks a process of this machine, `upstream.py` another server, `balance.py` several of either.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Task = Literal["classify", "generate", "embed", "tag", "translate"]
Text = str | tuple[str, str]  # a pair: what is asked and what may answer it
FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Logprob:
    """A token's text and log probability (None of a prompt's first), with the likeliest in its place."""

    token: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """What came next in answer `choice`; `finish_reason` in its last. `tool_calls` are OpenAI's deltas."""

    choice: int
    text: str
    tokens: int = 0
    logprobs: tuple[Logprob, ...] = ()
    finish_reason: FinishReason | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Spent:
    """What an answer cost in tokens."""

    prompt_tokens: int
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """What an answer stands on beside its model, for its receipt: an application's template, passages, citations."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteJob:
    """`prompts`: texts, token ids or conversations. `settings`: fields of GenerationSettings as JSON values.

    `tools` and `tool_choice` are OpenAI's; an engine whose template reads tools gets them; for another they
    stand in the conversation already.
    """

    prompts: tuple[Any, ...]
    settings: Mapping[str, Any]
    stream: bool = False
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: Any = None

    @property
    def answers(self) -> int:
        """How many there will be."""
        return len(self.prompts) * int(self.settings.get("n", 1))


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a classifier says of one text; see `catenary.inference.Scores`."""

    scores: Mapping[str, float]
    tokens: int
    truncated: bool

    @property
    def label(self) -> str:
        return next(iter(self.scores))


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector a text: little-endian float32, base64."""

    base64: tuple[str, ...]
    tokens: tuple[int, ...]
    truncated: tuple[bool, ...] = ()


@dataclass(slots=True)
class EngineState:
    """`facts`: what the engine told of its model. `load`: requests in hand. `restarts`: after its first start.
    `failed`: why it cannot start, where it said so."""

    ready: bool = False
    load: int = 0
    restarts: int = 0
    failed: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """Whoever does the work. All raise ApiError: 400 for what the request did wrong, 503 while there is no engine."""

    @property
    def state(self) -> EngineState:
        """How it stands."""

    async def start(self) -> None:
        """Begin to get ready; returns at once."""

    async def close(self) -> None:
        """End, with every process and connection."""

    def write(self, job: WriteJob) -> AsyncIterator[Delta | Made | Spent]:
        """Pieces as they come, `Spent` last. Closing it early ends the work within a step."""

    async def classify(self, texts: Sequence[Text]) -> list[Labelled]: ...

    async def embed(self, texts: Sequence[str]) -> Vectors: ...

    async def tag(self, request: Mapping[str, Any]) -> list[Any]: ...
