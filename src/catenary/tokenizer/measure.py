"""Measuring a tokenizer: how many characters and bytes a token holds, and how much it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from catenary.tokenizer.tokenizer import Tokenizer

BATCH_TEXTS = 1024
# A word: one Chinese character, or a run of other letters and digits.
WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]|[^\W_\u3400-\u4dbf\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True)
class TokenizerReport:
    """Figures over a sample of texts. `fertility`: tokens a word, where a Chinese character counts as one."""

    texts: int
    tokens: int
    characters_per_token: float
    bytes_per_token: float
    unknown_rate: float  # the share of tokens that are [UNK]
    fertility: float
    vocab_size: int
    vocab_used: float  # the share of the vocabulary that occurs


def measure(tokenizer: Tokenizer, texts: Iterable[str]) -> TokenizerReport:
    """Measure on `texts`, which should not be those it was trained on."""
    unknown = tokenizer.id_of("[UNK]")
    count = tokens = characters = size = lost = words = 0
    used: set[int] = set()
    stream = iter(texts)
    while batch := list(islice(stream, BATCH_TEXTS)):
        count += len(batch)
        for text, ids in zip(batch, tokenizer.encode_batch(batch), strict=True):
            tokens += len(ids)
            characters += len(text)
            size += len(text.encode())
            lost += ids.count(unknown) if unknown is not None else 0
            words += len(WORD.findall(text))
            used.update(ids)
    return TokenizerReport(
        texts=count,
        tokens=tokens,
        characters_per_token=_ratio(characters, tokens),
        bytes_per_token=_ratio(size, tokens),
        unknown_rate=_ratio(lost, tokens),
        fertility=_ratio(tokens, words),
        vocab_size=tokenizer.vocab_size,
        vocab_used=_ratio(len(used), tokenizer.vocab_size),
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
