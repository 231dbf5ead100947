"""Many texts to ids, several times as fast: tiktoken with the same vocabulary, where its ids are certain to be equal.

    encode = BulkEncoder(tokenizer)
    for chunk in chunks:
        rows = encode(chunk)        # as tokenizer.encode_batch(chunk)

tiktoken joins any two neighbours that make a token, the earliest token first; a tokenizer of Hugging Face joins the
pairs that it lists. These are the same when each token is made in one way, in the order of ids, and the text of each
token becomes that token: two neighbours that make one in another way then never stand side by side. (A part of an
encoding between two tokens is the encoding of its text, for the merges in it are the same.) A vocabulary of which this
does not hold, or that is no BPE over bytes, is left to `tokenizers`; so are texts with special tokens in them or with
characters that the two libraries' regular expressions may not know alike, being of Unicodes of different years.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from catenary.tokenizer.tokenizer import Tokenizer

WORTH_IT = 1 << 20  # characters: the vocabulary is looked at when there is more text than this
LONGEST = 1 << 20  # characters of a text that a regular expression which goes back may safely get

# Blocks whose characters have been what they are since Unicode 13 (2020) or before: Latin to Greek, Cyrillic, combining
# marks, punctuation to dingbats, Chinese and Japanese, Hangul, private use, compatibility, full width, emoji.
KNOWN = (
    r"\x00-\x{377}\x{400}-\x{52f}\x{1e00}-\x{1eff}\x{2000}-\x{2064}\x{2070}\x{2071}\x{2074}-\x{208e}\x{20a0}-\x{20bf}"
    r"\x{2100}-\x{218b}\x{2190}-\x{2426}\x{2460}-\x{2b73}\x{3000}-\x{303f}\x{3041}-\x{3096}\x{3099}-\x{30ff}"
    r"\x{3105}-\x{312f}\x{3131}-\x{318e}\x{3400}-\x{4dbf}\x{4e00}-\x{9ffc}\x{ac00}-\x{d7a3}\x{e000}-\x{fa6d}"
    r"\x{fe00}-\x{fe0f}\x{fe30}-\x{fe52}\x{ff01}-\x{ffbe}\x{ffe0}-\x{ffe6}\x{fffd}\x{1f300}-\x{1f6c5}"
    r"\x{1f900}-\x{1f971}\x{20000}-\x{2a6d6}"
)


class BulkEncoder:
    """`tokenizer.encode_batch`, fast where it can be. Keep one for all of a corpus."""

    def __init__(self, tokenizer: Tokenizer, worth_it: int = WORTH_IT) -> None:
        self._tokenizer = tokenizer
        self._left = worth_it
        self._looked = False
        self._fast: Any = None
        self._other: Any = None

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without special tokens around them."""
        self._left -= sum(map(len, texts))
        if self._left < 0 and not self._looked:
            self._looked = True
            self._fast = tiktoken_of(self._tokenizer)
            self._other = _others(self._tokenizer)
        if self._fast is None:
            return self._tokenizer.encode_batch(texts)
        slow = [at for at, text in enumerate(texts) if len(text) > LONGEST or self._other.search(text)]
        fast = sorted(set(range(len(texts))) - set(slow))
        rows: list[list[int]] = [[]] * len(texts)
        with ThreadPoolExecutor(_threads()) as pool:
            told = pool.map(self._fast.encode_ordinary, [texts[at] for at in fast])
            for at, ids in zip(fast, told, strict=True):
                rows[at] = ids
        for at, ids in zip(slow, self._tokenizer.encode_batch([texts[at] for at in slow]), strict=True):
            rows[at] = ids
        return rows


def tiktoken_of(tokenizer: Tokenizer) -> Any:
    """The same vocabulary as a `tiktoken.Encoding`; None where its ids could be others, or tiktoken is not there."""
    try:
        import tiktoken
    except ImportError:
        return None
    told = json.loads(tokenizer.backend.to_str())
    pattern = _pattern(told["pre_tokenizer"])
    ranks = _ranks(tokenizer, told)
    if (
        pattern is None
        or ranks is None
        or told["normalizer"] is not None
        or told["truncation"]
        or told["padding"]
    ):
        return None
    try:
        return tiktoken.Encoding("catenary", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    except ValueError:  # a pattern that its regular expressions have not
        return None


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def _pattern(told: dict[str, Any] | None) -> str | None:
    """The regular expression that cuts texts before their bytes are joined."""
    if told is None:
        return None
    if told["type"] == "ByteLevel":
        plain = told["use_regex"] and not told["add_prefix_space"]
        return GPT2 if plain else None
    if told["type"] != "Sequence" or [one["type"] for one in told["pretokenizers"]] != ["Split", "ByteLevel"]:
        return None
    split, as_bytes = told["pretokenizers"]
    if as_bytes["use_regex"] or as_bytes["add_prefix_space"]:
        return None
    if split["behavior"] != "Isolated" or split["invert"] or "Regex" not in split["pattern"]:
        return None
    pattern: str = split["pattern"]["Regex"]
    return pattern


def _ranks(tokenizer: Tokenizer, told: dict[str, Any]) -> dict[bytes, int] | None:
    """Each token's bytes with its id, if the ids say in which order and the merges in which way they are made."""
    model = told["model"]
    settings = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
    if model["type"] != "BPE" or model.get("byte_fallback") or any(model.get(name) for name in settings):
        return None
    added = {one["content"] for one in told["added_tokens"]}
    vocabulary: dict[str, int] = {
        token: number for token, number in model["vocab"].items() if token not in added
    }
    byte_of = _bytes_of_letters()
    made = [
        vocabulary.get("".join(pair if isinstance(pair, list) else pair.split(" ")))
        for pair in model["merges"]
    ]
    numbers = [number for number in made if number is not None]
    letters = {token: number for token, number in vocabulary.items() if len(token) == 1}
    if (
        len(numbers) < len(made)
        or any(one >= other for one, other in pairwise(numbers))
        or letters.keys() != byte_of.keys()
        or (numbers and max(letters.values()) > numbers[0])
        or len(letters) + len(numbers) != len(vocabulary)
    ):
        return None
    for token, number in vocabulary.items():
        if [one.id for one in tokenizer.backend.model.tokenize(token)] != [number]:
            return None
    return {bytes(byte_of[letter] for letter in token): number for token, number in vocabulary.items()}


def _bytes_of_letters() -> dict[str, int]:
    """The letters that stand for bytes in such vocabularies (GPT-2's `bytes_to_unicode`)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + at): byte for at, byte in enumerate(hidden)}


def _others(tokenizer: Tokenizer) -> Any:
    """Finds what a text is left to `tokenizers` for."""
    import re2

    added = [token.content for token in tokenizer.backend.get_added_tokens_decoder().values()]
    return re2.compile("|".join((f"[^{KNOWN}]", *map(re2.escape, added))))


def _threads() -> int:
    if os.environ.get("TOKENIZERS_PARALLELISM", "").lower() in ("false", "0", "off", "no"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
