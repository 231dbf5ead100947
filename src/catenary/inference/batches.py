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

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENS_PER_BATCH = 4096  # a batch of a small encoder then takes well under a second, so a stop is heard soon
CHARACTERS_PER_TOKEN = (
    64  # more than any tokenizer here makes one token of; bounds the cost of a hostile text
)


@dataclass(frozen=True, slots=True)
class TokenisedText:
    """The ids that the model reads, special tokens included, and whether the text went on after them."""

    ids: list[int]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """`indices` says which texts the rows are; both arrays have the shape [B, T]."""

    indices: list[int]
    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]


def tokenise(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> list[TokenisedText]:
    """Each text's first `max_tokens` tokens. `tokenizer` must have been set to truncate there.

    Raises InvalidInput for a text with a lone surrogate, which no UTF-8 can hold.
    """
    check_unicode(texts)
    cut = max_tokens * CHARACTERS_PER_TOKEN
    encodings = tokenizer.encode_batch_fast([text[:cut] for text in texts], add_special_tokens=True)
    return [
        TokenisedText(encoding.ids, bool(encoding.overflowing) or len(text) > cut)
        for text, encoding in zip(texts, encodings, strict=True)
    ]


def check_unicode(texts: Sequence[str]) -> None:
    """Raise InvalidInput for a text with a lone surrogate, which no UTF-8 can hold."""
    for number, text in enumerate(texts, start=1):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InvalidInput(
                "Text {number} is not valid Unicode: it has half of a surrogate pair.",
                number=number,
                got=f"U+{ord(text[error.start]):04X} at character {error.start}",
            ) from None


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
        yield Batch(indices, input_ids_BT, attention_mask_BT)
        start += len(indices)
