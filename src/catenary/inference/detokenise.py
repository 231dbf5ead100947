"""Tokens to text as they come: no half of a character is ever told, and no part of a stop text.

>>> stop = StopTexts(["###"])
>>> stop.push("done #"), stop.push("#"), stop.push("# more"), stop.met
('done ', '', '', '###')
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

HALF = "�"  # what a decoder writes for bytes that are no character, or not yet
LONGEST_CHARACTER = (
    8  # tokens; UTF-8 has at most 4 bytes a character, so bytes held longer are no character's
)


class Detokeniser:
    """The text of tokens given one by one; together the pieces are what decoding all tokens at once gives.

    Each token is decoded with a few before it, since decoders write blanks by what stands before (SentencePiece), and
    a Chinese character may be the bytes of two or three tokens.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._context = 0  # where the tokens begin that the next is decoded with
        self._told = 0  # tokens whose text has been told

    def push(self, id: int) -> str:
        """The text that this token completes, perhaps none."""
        self._ids.append(id)
        text = self._new()
        if text.endswith(HALF) and len(self._ids) - self._told < LONGEST_CHARACTER:
            return ""
        return self._tell(text)

    def end(self) -> str:
        """What was held back."""
        return self._tell(self._new()) if self._told < len(self._ids) else ""

    def _new(self) -> str:
        before = self._decoded(self._ids[self._context : self._told])
        return self._decoded(self._ids[self._context :])[len(before) :]

    def _tell(self, text: str) -> str:
        self._context, self._told = self._told, len(self._ids)
        return text

    def _decoded(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)) if ids else ""


class StopTexts:
    """Finds the first of some texts in a stream. What may be the beginning of one is held until it is or is not."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._held = ""
        self.met: str | None = None

    def push(self, text: str) -> str:
        """What may be told now; after `met`, nothing more."""
        if not self._texts:
            return text
        if self.met is not None:
            return ""
        self._held += text
        found = [(at, -len(stop), stop) for stop in self._texts if (at := self._held.find(stop)) >= 0]
        if found:
            at, _, self.met = min(found)
            told, self._held = self._held[:at], ""
            return told
        longest = min(len(self._held), max(map(len, self._texts)) - 1)
        begun = next(
            (
                n
                for n in range(longest, 0, -1)
                if any(stop.startswith(self._held[-n:]) for stop in self._texts)
            ),
            0,
        )
        told, self._held = self._held[: len(self._held) - begun], self._held[len(self._held) - begun :]
        return told

    def end(self) -> str:
        """What was held back and is no stop text after all."""
        told, self._held = self._held, ""
        return told
