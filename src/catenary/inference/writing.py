"""One answer as it is written: logits in, pieces out. All engines share it, so that they stop and count alike.

B answers in the batch · V vocabulary
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged
from catenary.inference.detokenise import Detokeniser, StopTexts
from catenary.inference.generation import FinishReason, GenerationSettings, Piece, TokenLogprob
from catenary.inference.sampling import Seen, chosen, log_softmax

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from catenary.inference.constrain import Matcher


class Writing:
    """An answer in the making: `ids` so far, and `finish_reason` once it has ended.

    `number` and `choice` tell answers drawn with one seed apart. `room`: tokens that the model can still hold.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        settings: GenerationSettings,
        tokenizer: Tokenizer,
        *,
        end_ids: Collection[int],
        room: int,
        number: int = 0,
        choice: int = 0,
        matcher: Matcher | None = None,
    ) -> None:
        self.prompt, self.settings, self.choice = prompt, settings, choice
        self.ids: list[int] = []
        self.finish_reason: FinishReason | None = None
        self._tokenizer, self._matcher = tokenizer, matcher
        self._end_ids = frozenset(end_ids) | frozenset(settings.stop_ids)
        self.most = min(settings.max_tokens, room)
        self._text, self._stops = Detokeniser(tokenizer), StopTexts(settings.stop)
        self._seen = Seen.of(prompt)
        seed = secrets.randbits(64) if settings.seed is None else settings.seed
        self._heard: list[TokenLogprob] = []  # of the prompt, where it is told
        self._echo = settings.echo
        self._chances = np.random.default_rng([seed & (2**64 - 1), number, choice])

    @property
    def plain(self) -> bool:
        """Whether the next token is the highest logit, whatever came before."""
        return self.settings.plain

    def choose(self, logits_V: NDArray[np.float32]) -> int:
        """The next token, by the settings, from the model's logits (V,)."""
        banned = self._banned(logits_V)
        if banned is not None:
            logits_V = np.where(banned, np.float32(-np.inf), logits_V)
        chance = 0.0 if self.settings.greedy else float(self._chances.random())
        return chosen(logits_V, self.settings, self._seen, chance)

    def hear(self, start: int, logits_TV: NDArray[np.float32]) -> None:
        """Logits behind tokens `start` … of the prompt, read in order: what was thought of each token after them."""
        if not self._heard:
            first = self.prompt[0]
            self._heard.append(TokenLogprob(first, self._name(first), None))
        for token, logits_V in zip(self.prompt[start + 1 :], logits_TV, strict=False):
            self._heard.append(self._logprob(token, logits_V))

    def take(self, token: int, logits_V: NDArray[np.float32] | None = None) -> Piece:
        """Write one token; what may be told of it. `logits_V` is needed where `logprobs` are asked for."""
        piece = self._taken(token, logits_V)
        if not self._echo:
            return piece
        self._echo = False
        prompt = str(self._tokenizer.decode(list(self.prompt), skip_special_tokens=False))
        return replace(piece, text=prompt + piece.text, logprobs=(*self._heard, *piece.logprobs))

    def _taken(self, token: int, logits_V: NDArray[np.float32] | None) -> Piece:
        if token in self._end_ids and len(self.ids) >= self.settings.min_tokens:
            return self.end("stop")
        logprobs: tuple[TokenLogprob, ...] = ()
        if self.settings.logprobs is not None:
            assert logits_V is not None
            logprobs = (self._logprob(token, logits_V),)
        self.ids.append(token)
        self._seen.add(token)
        text = self._stops.push(self._text.push(token))
        if self._stops.met is not None:
            self.finish_reason = "stop"
            return Piece(self.choice, text, (token,), logprobs, "stop", self._stops.met)
        if self._matcher is not None:
            self._matcher.take(token)
            if self._matcher.ended:
                return self.end("stop", text, (token,), logprobs)
        if len(self.ids) >= self.most:
            return self.end("length", text, (token,), logprobs)
        return Piece(self.choice, text, (token,), logprobs)

    def cancel(self) -> Piece:
        """End here."""
        return self.end("cancelled")

    def end(
        self,
        reason: FinishReason,
        text: str = "",
        ids: tuple[int, ...] = (),
        logprobs: tuple[TokenLogprob, ...] = (),
    ) -> Piece:
        """End with all that was held back."""
        text += self._stops.push(self._text.end())
        met = self._stops.met
        text += self._stops.end()
        self.finish_reason = "stop" if met is not None else reason
        return Piece(self.choice, text, ids, logprobs, self.finish_reason, met)

    def _banned(self, logits_V: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Tokens that cannot come now."""
        banned = None if self._matcher is None else self._matcher.banned(logits_V.size)
        if len(self.ids) < self.settings.min_tokens:
            banned = np.zeros(logits_V.size, dtype=np.bool_) if banned is None else banned
            banned[[id for id in self._end_ids if id < logits_V.size]] = True
        return banned

    def _logprob(self, token: int, logits_V: NDArray[np.float32]) -> TokenLogprob:
        logs_V = log_softmax(logits_V)
        count = self.settings.logprobs or 0
        best = np.argpartition(logs_V, -count)[-count:] if count else np.empty(0, dtype=np.int64)
        ordered = sorted(best.tolist(), key=lambda id: (-logs_V[id], id))
        top = tuple((id, self._name(id), float(logs_V[id])) for id in ordered)
        return TokenLogprob(token, self._name(token), float(logs_V[token]), top)

    def _name(self, id: int) -> str:
        return str(self._tokenizer.decode([id], skip_special_tokens=False))


def next_pieces(writings: Sequence[Writing], logits_BV: NDArray[np.float32]) -> list[Piece]:
    """One step of several answers at once: each takes its next token. Raises Damaged for logits that are no numbers."""
    best_B = logits_BV.argmax(axis=-1)
    if not np.isfinite(logits_BV[np.arange(len(writings)), best_B]).all():
        raise Damaged("The model's logits are not finite numbers: it is damaged.")
    return [
        writing.take(int(best) if writing.plain else writing.choose(logits_V), logits_V)
        for writing, best, logits_V in zip(writings, best_B, logits_BV, strict=True)
    ]
