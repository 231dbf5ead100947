"""Long texts in windows that a model has room for, and which part of the text each token of a window stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


@dataclass(frozen=True, slots=True)
class WordWindow:
    """`words[i]` is the number of the word that token i begins; -1 where it begins none, or another window has it."""

    ids: list[int]
    words: list[int]


@dataclass(frozen=True, slots=True)
class QuestionWindow:
    """A question and a part of its context. `second` is where the context's tokens begin; `spans[i]` is where token i
    stands in the context (characters, end exclusive), None for a token that is none of it."""

    ids: list[int]
    second: int
    spans: list[tuple[int, int] | None]


def unbounded(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer without truncation and padding; the one given stays as it is."""
    from tokenizers import Tokenizer as Backend

    other = Backend.from_str(tokenizer.to_str())
    other.no_truncation()
    other.no_padding()
    return other


def frame(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special tokens that stand before and after a text."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    framed = tokenizer.encode("a", add_special_tokens=True).ids
    at = next(i for i in range(len(framed)) if framed[i : i + len(bare)] == bare)
    return framed[:at], framed[at + len(bare) :]


def word_windows(
    tokenizer: Tokenizer, sentences: Sequence[Sequence[str]], max_tokens: int, overlap: int
) -> list[list[WordWindow]]:
    """The windows of each sentence, which is given in words; they overlap by `overlap` tokens.

    Each word is tokenised by itself, with the blank before it that running text would have. A word is looked at in the
    window where it stands further from the edge; one without a token (a character that the tokenizer drops) in none.
    """
    backend = unbounded(tokenizer)
    first, last = frame(backend)
    room = max_tokens - len(first) - len(last)
    encodings = backend.encode_batch(
        [_spaced(words) for words in sentences], is_pretokenized=True, add_special_tokens=False
    )
    return [_cut(encoding, first, last, room, min(overlap, room // 2)) for encoding in encodings]


def _cut(encoding: Encoding, first: list[int], last: list[int], room: int, overlap: int) -> list[WordWindow]:
    ids, word_ids = encoding.ids, encoding.word_ids
    begins = [
        -1 if word is None or (i and word_ids[i - 1] == word) else word for i, word in enumerate(word_ids)
    ]
    windows: list[WordWindow] = []
    start = 0
    while True:
        end = min(start + room, len(ids))
        own_from = start + overlap // 2 if start else 0
        own_to = end - (overlap - overlap // 2) if end < len(ids) else end
        words = [begins[i] if own_from <= i < own_to else -1 for i in range(start, end)]
        windows.append(
            WordWindow([*first, *ids[start:end], *last], [*[-1] * len(first), *words, *[-1] * len(last)])
        )
        if end == len(ids):
            return windows
        start = end - overlap


def _spaced(words: Sequence[str]) -> list[str]:
    """Words with a blank before those that stand behind one in running text."""
    if not words:
        return []
    return [words[0], *(f" {after}" if _apart(before, after) else after for before, after in pairwise(words))]


def _apart(before: str, after: str) -> bool:
    return bool(before and after) and not _is_wide(before[-1]) and not _is_wide(after[0])


def _is_wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


def question_windows(
    tokenizer: Tokenizer, questions: Sequence[str], contexts: Sequence[str], max_tokens: int, overlap: int
) -> list[list[QuestionWindow]]:
    """The windows of each pair: the whole question, then as much of the context as there is room for.

    A question that would take more than half of the room is cut.
    """
    backend = unbounded(tokenizer)
    asked = [_shortened(backend, question, max_tokens // 2) for question in questions]
    longest = max((len(one.ids) for one in backend.encode_batch(asked, add_special_tokens=False)), default=0)
    special = backend.num_special_tokens_to_add(True)
    overlap = max(0, min(overlap, (max_tokens - longest - special) // 2))
    backend.enable_truncation(max_tokens, stride=overlap, strategy="only_second")
    encodings = backend.encode_batch(list(zip(asked, contexts, strict=True)), add_special_tokens=True)
    return [[_window(part) for part in (encoding, *encoding.overflowing)] for encoding in encodings]


def _window(encoding: Encoding) -> QuestionWindow:
    sides = encoding.sequence_ids
    spans = [span if side == 1 else None for span, side in zip(encoding.offsets, sides, strict=True)]
    second = next((i for i, side in enumerate(sides) if side == 1), len(sides))
    return QuestionWindow(encoding.ids, second, spans)


def _shortened(backend: Tokenizer, text: str, most: int) -> str:
    encoding = backend.encode(text, add_special_tokens=False)
    return text if len(encoding.ids) <= most else text[: encoding.offsets[most - 1][1]]
