"""What is asked of a generator, and what it tells: settings, pieces of text as they come, whole completions.

    >>> settings = GenerationSettings(max_tokens=64, temperature=0.7, top_p=0.9, seed=17, stop=("\\n\\n",))
    >>> settings.greedy
    False

All are plain values: the gateway, evaluation and distillation speak the same ones to every engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from catenary.errors import InvalidInput
from catenary.inference.constraint import Constraint

Message = Mapping[str, Any]
Prompt = str | Sequence[Message] | Sequence[int]
"""A text to go on from, a conversation to answer, or token ids that are read as they are."""

FinishReason = Literal["stop", "length", "cancelled"]

MOST_TOP_LOGPROBS = 20
MOST_STOPS = 16
MOST_CHOICES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """How an answer is written. What each number does to the logits stands in `sampling.py`.

    max_tokens: at most so many new tokens. temperature 0 takes the likeliest token.
    top_k 0, top_p 1 and min_p 0 leave every token in. The penalties 1, 0 and 0 change nothing.
    logit_bias: token id → number added to its logit.
    seed: the same seed draws the same answer to a prompt, whatever is answered beside it; None draws another each time.
    stop: texts that end the answer and are not part of it. min_tokens: no end before so many new tokens.
    n: so many answers, drawn independently. beams: above 1, beam search in place of sampling, with `length_penalty` α
    dividing a beam's log probability by its length to the α (Wu et al. 2016, 1609.08144, eq. 14), and no
    `no_repeat_ngram` tokens in a row written twice (Paulus et al. 2018, 1705.04304, §2.5; 0: they may be).
    logprobs: None for none, or how many of the likeliest tokens to tell beside each chosen one (0: the chosen alone),
    under the model's own distribution, before any setting here changes it.
    echo: the answer begins with the prompt, and `logprobs` with those of its tokens; the first has none before it, and
    so no log probability.
    constraint: what the answer must be: JSON of a schema, a regular expression, a grammar.
    """

    max_tokens: int = 256
    min_tokens: int = 0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_ids: tuple[int, ...] = ()
    n: int = 1
    beams: int = 1
    length_penalty: float = 1.0
    no_repeat_ngram: int = 0
    logprobs: int | None = None
    echo: bool = False
    constraint: Constraint | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidInput(
                    "The generation setting {name} is out of its range.",
                    name=name,
                    got=value,
                    expected="{low} to {high}",
                    low=low,
                    high=high,
                )
        if any(not text for text in self.stop) or len(self.stop) > MOST_STOPS:
            raise InvalidInput(
                "Stop texts must not be empty, and there may be at most {most}.",
                most=MOST_STOPS,
                got=list(self.stop),
            )
        if self.beams > 1 and (
            self.temperature or self.n > 1 or self.logprobs is not None or self.constraint or self.echo
        ):
            raise InvalidInput(
                "Beam search does not go with sampling, several answers, logprobs or a constraint.",
                got=f"beams: {self.beams}",
                expected="beams: 1, or temperature 0, n 1 and neither logprobs nor a constraint",
            )
        if self.beams == 1 and (self.length_penalty != 1 or self.no_repeat_ngram):
            raise InvalidInput(
                "A length penalty and n-grams that are not to repeat go with beam search alone.",
                got=f"length_penalty: {self.length_penalty:g}, no_repeat_ngram: {self.no_repeat_ngram}",
                expected="beams: 2 or more",
            )

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken each time."""
        return self.temperature == 0

    @property
    def scores_prompt(self) -> bool:
        """Whether the log probabilities of the prompt's tokens are told."""
        return self.echo and self.logprobs is not None

    @property
    def plain(self) -> bool:
        """Whether the likeliest token by the model's own logits is taken: nothing changes them."""
        return (
            self.greedy
            and self.repetition_penalty == 1
            and not (self.presence_penalty or self.frequency_penalty or self.logit_bias or self.constraint)
            and not self.min_tokens
        )


RANGES: Mapping[str, tuple[float, float]] = {
    "max_tokens": (1, 1 << 20),
    "min_tokens": (0, 1 << 20),
    "temperature": (0.0, 100.0),
    "top_k": (0, 1 << 24),
    "top_p": (1e-6, 1.0),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 100.0),
    "presence_penalty": (-100.0, 100.0),
    "frequency_penalty": (-100.0, 100.0),
    "n": (1, MOST_CHOICES),
    "beams": (1, 64),
    "length_penalty": (-10.0, 10.0),
    "no_repeat_ngram": (0, 64),
    "logprobs": (0, MOST_TOP_LOGPROBS),
}


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token with its log probability (natural), and the likeliest tokens in its place, the likeliest first.

    `logprob` is None of a prompt's first token.
    """

    id: int
    token: str
    logprob: float | None
    top: tuple[tuple[int, str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, in tokens; `cached_tokens` of the prompt were read before and kept."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What came next in answer `choice`: text (perhaps none yet), its tokens, and in the last piece why it ended."""

    choice: int
    text: str
    ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    stopped_by: str | None = None  # the stop text met


@dataclass(frozen=True, slots=True)
class Choice:
    """One whole answer. `ids` are all tokens written, those of a stop text too, the end-of-text token not."""

    text: str
    ids: tuple[int, ...]
    finish_reason: FinishReason
    stopped_by: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """The `n` answers to one prompt."""

    choices: tuple[Choice, ...]
    usage: Usage

    @property
    def text(self) -> str:
        """The first answer's text."""
        return self.choices[0].text


def joined(pieces: Sequence[Piece]) -> Piece:
    """Pieces of one answer that came one after the other, as one."""
    if len(pieces) == 1:
        return pieces[0]
    last = pieces[-1]
    return Piece(
        last.choice,
        "".join(piece.text for piece in pieces),
        tuple(id for piece in pieces for id in piece.ids),
        tuple(one for piece in pieces for one in piece.logprobs),
        last.finish_reason,
        last.stopped_by,
    )


def gathered(pieces: Sequence[Piece], usage: Usage) -> Completion:
    """A stream's pieces as whole answers."""
    choices = []
    for number in sorted({piece.choice for piece in pieces}):
        of = [piece for piece in pieces if piece.choice == number]
        last = of[-1]
        assert last.finish_reason is not None
        choices.append(
            Choice(
                "".join(piece.text for piece in of),
                tuple(id for piece in of for id in piece.ids),
                last.finish_reason,
                last.stopped_by,
                tuple(one for piece in of for one in piece.logprobs),
            )
        )
    return Completion(tuple(choices), usage)
