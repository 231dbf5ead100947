"""Texts as padded batches: tokenised, sorted by length so that little is padded, bounded so that each is
short.

Shapes: B texts in the batch, T tokens of its longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.inference.port import Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENS_PER_BATCH = 4096  # a batch of a small encoder then takes well under a second, so a stop is heard soon
CHARACTERS_PER_TOKEN = (
    64  # more than any tokenizer here makes one token of; bounds the cost of a hostile text
)


@dataclass(frozen=True, slots=True)
class TokenisedText:
    """The ids that the model reads, special tokens included, and whether the text went on after them.

    `second`: where the second text of a pair begins.
    """

    ids: list[int]
    truncated: bool
    second: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """`indices` says which texts the rows are; the arrays have the shape [B, T].

    `token_type_ids`, where there are pairs: 1 in the second text and behind it.
    """

    indices: list[int]
    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64] | None = None


def tokenise(tokenizer: Tokenizer, texts: Sequence[Text], max_tokens: int) -> list[TokenisedText]:
    """Each text's first `max_tokens` tokens, of a pair the longer one cut. `tokenizer` must be set to truncate there.

    Raises InvalidInput for a text with a lone surrogate, which no UTF-8 can hold.
    """
    check_unicode(texts)
    cut = max_tokens * CHARACTERS_PER_TOKEN
    first = [text[:cut] if isinstance(text, str) else (text[0][:cut], text[1][:cut]) for text in texts]
    encodings = tokenizer.encode_batch_fast(first, add_special_tokens=True)
    return [
        TokenisedText(
            encoding.ids,
            bool(encoding.overflowing) or text != read,
            None if isinstance(text, str) else _second(encoding.sequence_ids),
        )
        for text, read, encoding in zip(texts, first, encodings, strict=True)
    ]


def _second(sides: Sequence[int | None]) -> int:
    return next((at for at, side in enumerate(sides) if side == 1), len(sides))


def check_unicode(texts: Sequence[Text]) -> None:
    """Raise InvalidInput for a text with a lone surrogate, which no UTF-8 can hold."""
    for number, text in enumerate(texts, start=1):
        for part in (text,) if isinstance(text, str) else text:
            try:
                part.encode("utf-8")
            except UnicodeEncodeError as error:
                raise InvalidInput(
                    "Text {number} is not valid Unicode: it has half of a surrogate pair.",
                    number=number,
                    got=f"U+{ord(part[error.start]):04X} at character {error.start}",
                ) from None


def _token_types(texts: Sequence[TokenisedText], length: int) -> NDArray[np.int64] | None:
    if all(text.second is None for text in texts):
        return None
    column_T = np.arange(length)
    rows = [
        (column_T >= (length if text.second is None else text.second)) & (column_T < len(text.ids))
        for text in texts
    ]
    return np.array(rows, np.int64)


def batches(texts: Sequence[TokenisedText], pad_id: int, budget: int = TOKENS_PER_BATCH) -> Iterator[Batch]:
    """The texts, longest first, in batches of at most `budget` tokens with padding (one text at least)."""
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i].ids), i))
    start = 0
    while start < len(order):
        length = max(1, len(texts[order[start]].ids))
        indices = order[start : start + max(1, budget // length)]
        input_ids_BT = np.full((len(indices), length), pad_id, dtype=np.int64)
        attention_mask_BT = np.zeros((len(indices), length), dtype=np.int64)
        for row, index in enumerate(indices):
            ids = texts[index].ids
            input_ids_BT[row, : len(ids)] = ids
            attention_mask_BT[row, : len(ids)] = 1
        yield Batch(
            indices, input_ids_BT, attention_mask_BT, _token_types([texts[i] for i in indices], length)
        )
        start += len(indices)
