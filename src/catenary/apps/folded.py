"""Text as it is compared: NFKC, case folded, white space as one space; every place leads back to the text itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and for each of its characters the span of the text it comes from."""

    text: str
    spans: tuple[tuple[int, int], ...]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where text[start:end] stands in the text that was folded."""
        return self.spans[start][0], self.spans[end - 1][1]

    def find(self, term: str) -> tuple[int, int] | None:
        """The first place of a folded term. Latin and other spelt words count whole: `cat` is not in `concatenate`."""
        start = self.text.find(term)
        while start >= 0:
            end = start + len(term)
            if not (_in_word(self.text[start - 1 : start + 1]) or _in_word(self.text[end - 1 : end + 1])):
                return self.place(start, end)
            start = self.text.find(term, start + 1)
        return None


def folded(text: str) -> Folded:
    """This text, folded character by character (with the marks that are set on one)."""
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    for start, end in _characters(text):
        piece = fold_character(text[start:end])
        pieces.append(piece)
        spans += [(start, end)] * len(piece)
    return Folded("".join(pieces), tuple(spans))


def fold_character(character: str) -> str:
    """One character, with its marks, as it is compared."""
    if character.isspace():
        return " "
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())


def fold(text: str) -> str:
    """A term or a name as it is compared."""
    return folded(text.strip()).text


def _characters(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for at in range(1, len(text) + 1):
        if at < len(text) and (
            (text[at].isspace() and text[at - 1].isspace()) or (not text[at].isspace() and _joins(text[at]))
        ):
            continue
        if at > start:
            yield start, at
        start = at


def _joins(character: str) -> bool:
    """Whether normalisation may draw it into the character before it: a mark, or a later part of a Hangul syllable."""
    first = unicodedata.normalize("NFKC", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"


def _in_word(pair: str) -> bool:
    """Whether two neighbours belong to one word. Chinese and Japanese are written without spaces: there none do."""
    return len(pair) == 2 and all(one.isalnum() and not "\u3040" <= one <= "\u9fff" for one in pair)
