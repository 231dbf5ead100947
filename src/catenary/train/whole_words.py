"""Which tokens begin a word: what is hidden together when whole words are.

Of Chinese, words are jieba's, so a token of one character and a neighbour that completes it go together (Cui et al.
2021, "Pre-Training With Whole Word Masking for Chinese BERT"); of English, the pieces of a word do (Devlin et al.,
BERT's release of May 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from catenary.data.words import words
from catenary.tokenizer import Tokenizer

Tokens = tuple[list[int], list[int]]  # ids, and 1 where a word begins, 0 where it goes on


def tokens_with_words(tokenizer: Tokenizer, texts: Sequence[str], *, whole_words: bool) -> list[Tokens]:
    """The tokens of each text without special ones; every token begins a word unless `whole_words`."""
    encodings = tokenizer.truncate(None).backend.encode_batch(list(texts), add_special_tokens=False)
    if not texts or not whole_words:
        return [(encoding.ids, [1] * len(encoding.ids)) for encoding in encodings]
    starts = _word_starts(texts)
    return [
        (encoding.ids, _marks(encoding.offsets, begins, len(text)))
        for encoding, begins, text in zip(encodings, starts, texts, strict=True)
    ]


def _word_starts(texts: Sequence[str]) -> list[np.ndarray]:
    """The characters at which each text's words begin."""
    found = words(pa.array(texts, pa.large_string()))
    counts = np.diff(found.firsts)
    sizes = np.array([len(text.encode()) for text in texts], np.int64)
    text_starts = np.cumsum(sizes) - sizes
    begins = found.begins - np.repeat(text_starts, counts)  # bytes from each text's own start
    places = []
    for text, part in zip(texts, np.split(begins, np.cumsum(counts)[:-1]), strict=True):
        if text.isascii():
            places.append(part)
            continue
        leads = (np.frombuffer(text.encode(), np.uint8) & 0xC0) != 0x80  # bytes that begin a character
        places.append(np.cumsum(leads)[part] - 1)
    return places


def _marks(offsets: Sequence[tuple[int, int]], begins: np.ndarray, length: int) -> list[int]:
    """1 for a token within which a word begins; blanks before a word are the word's."""
    upto = np.zeros(length + 1, np.int64)
    np.add.at(upto, begins + 1, 1)
    upto = np.cumsum(upto)  # words that begin before each character
    return [int(place == 0 or upto[end] > upto[start]) for place, (start, end) in enumerate(offsets)]
