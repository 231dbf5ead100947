"""Recurrent controls learn what there is to learn, the same each time; word2vec finds who keeps company."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from catenary.errors import InvalidInput
from catenary.inference import load as load_classifier
from catenary.models.baselines import Recurrent, fit_ngram
from catenary.models.baselines.recurrent_settings import RecurrentFamily
from catenary.tokenizer import Tokenizer, TokenizerSettings, save, train
from catenary.tokenizer import load as load_tokenizer
from catenary.train import (
    RecurrentSettings,
    TokenRows,
    TrainSettings,
    train_recurrent_classifier,
    train_recurrent_lm,
)
from catenary.train.exposures import steps_with
from catenary.train.word2vec import word2vec_embeddings

SHAPE = RecurrentSettings(embedding_size=24, hidden_size=24, max_position_embeddings=32)


def folder_with_tokenizer(folder: Path, texts: list[str]) -> Tokenizer:
    save(train(texts, TokenizerSettings(kind="char")), folder)
    return load_tokenizer(folder)


def rhymes(number: int, seed: int) -> list[str]:
    """The last character is the first again, five places later: beyond a trigram, within a memory's reach."""
    draw = random.Random(seed)
    return [
        f"{first}{''.join(draw.choice('的了是') for _ in range(4))}{first}"
        for first in (draw.choice("甲乙丙丁戊己") for _ in range(number))
    ]


@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_a_memory_beats_the_trigram_where_it_is_needed(family: RecurrentFamily, tmp_path: Path) -> None:
    texts, held_out = rhymes(600, 1), rhymes(100, 2)
    tokenizer = folder_with_tokenizer(tmp_path / "tokenizer", texts)
    settings = TrainSettings(steps=400, batch_size=32, learning_rate=0.02, dropout=0.0, precision="fp32")
    report = train_recurrent_lm(
        texts, tmp_path / "tokenizer", family, settings, tmp_path / "model", shape=SHAPE, valid=held_out
    )
    ids = tokenizer.encode_batch(held_out)
    trigram = fit_ngram(tokenizer.encode_batch(texts), order=3, vocab_size=tokenizer.vocab_size).totals(ids)
    model = Recurrent.load(tmp_path / "model")
    totals = model.totals(ids)
    assert totals.tokens == trigram.tokens  # the same tokens are predicted, ends too
    assert totals.perplexity < 0.9 * trigram.perplexity
    assert report["valid"]["loss"] == pytest.approx(np.log(totals.perplexity), abs=1e-4)
    assert model.config.tie_word_embeddings
    assert (tmp_path / "model" / "tokenizer.json").is_file()
    steps, of = steps_with(tmp_path / "model", 7)
    assert steps
    assert of == 400


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    texts = rhymes(40, 1)
    folder_with_tokenizer(tmp_path / "tokenizer", texts)
    settings = TrainSettings(steps=6, batch_tokens=128, dropout=0.2)
    shape = SHAPE.model_copy(update={"embeddings": "word2vec", "max_position_embeddings": 4})
    for name in ("a", "b"):
        train_recurrent_lm(texts, tmp_path / "tokenizer", "gru", settings, tmp_path / name, shape=shape)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_a_classifier_that_the_engines_load(family: RecurrentFamily, tmp_path: Path) -> None:
    draw = random.Random(3)
    labels = [draw.choice(["好", "坏"]) for _ in range(200)]
    texts = [
        "".join(draw.choice("这部电影真的") for _ in range(9)) + ("赞" if label == "好" else "烂") + "。" * 3
        for label in labels
    ]
    folder_with_tokenizer(tmp_path / "tokenizer", texts)
    settings = TrainSettings(steps=80, batch_size=16, learning_rate=0.01, dropout=0.1)
    report = train_recurrent_classifier(
        texts[:150], labels[:150], tmp_path / "tokenizer", family, settings, tmp_path / "model",
        shape=SHAPE, valid=(texts[150:], labels[150:]),
    )  # fmt: skip
    assert report["valid"]["accuracy"] == 1.0
    classifier = load_classifier(tmp_path / "model")
    assert classifier.labels == ("坏", "好")
    told = classifier.classify([*texts[150:], texts[0] * 9])
    assert [scores.label for scores in told[:-1]] == labels[150:]
    assert told[-1].truncated


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    folder_with_tokenizer(tmp_path / "tokenizer", ["好坏"])
    settings = TrainSettings(steps=1, batch_size=2)
    for texts, labels in ((["好"], ["a", "b"]), (["好"], ["a"])):
        with pytest.raises(InvalidInput):
            train_recurrent_classifier(
                texts, labels, tmp_path / "tokenizer", "gru", settings, tmp_path / "model"
            )


def company(seed: int) -> TokenRows:
    """Tokens 1–5 stand together, and 6–10; 0 is special, 11 never occurs."""
    draw = np.random.default_rng(seed)
    return TokenRows.of([[0, *(draw.integers(1, 6, 12) + 5 * (row % 2)), 0] for row in range(300)])


def test_word2vec_knows_who_keeps_company() -> None:
    start = torch.randn(12, 16, generator=torch.Generator().manual_seed(1)) * 0.02
    tables = [start.clone(), start.clone()]
    for table in tables:
        word2vec_embeddings(company(1), range(1, 12), table, 0.02, seed=5)
    assert torch.equal(*tables)  # the same bits each time
    table = tables[0]
    assert torch.equal(table[[0, 11]], start[[0, 11]])  # special, and never seen
    unit = torch.nn.functional.normalize(table[1:11], dim=1)
    alike = unit @ unit.T
    assert alike[:5, :5].mean() > alike[:5, 5:].mean() + 0.5
    assert table[1:11].std() == pytest.approx(1.5 * 0.02, rel=0.1)
    other = start.clone()
    word2vec_embeddings(company(1), range(1, 12), other, 0.02, seed=6)
    assert not torch.equal(other, table)


def test_word2vec_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(InvalidInput, match="gensim") as caught:
        word2vec_embeddings(company(1), range(1, 12), torch.zeros(12, 16), 0.02, seed=5)
    assert "catenary[word2vec]" in str(caught.value)
