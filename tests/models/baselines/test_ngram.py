from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.models.baselines import NgramModel, fit_ngram
from tests.models.baselines.reviews import as_ids, sentences
from tests.models.baselines.slow_kneser_ney import SlowKneserNey

VOCAB = 6
texts = st.lists(st.lists(st.integers(0, VOCAB - 1), max_size=8), min_size=1, max_size=25)
orders = st.integers(1, 6)

# `lmplz` and `query` of KenLM 0.3.0 on `sentences()`: perplexity including unknown words.
KENLM_PERPLEXITY = {2: 76.46395815711358, 3: 51.73910250952483, 5: 48.45510191481627}


@given(texts, texts, orders)
def test_probabilities_are_those_of_the_paper(
    training: list[list[int]], held_out: list[list[int]], order: int
) -> None:
    model = fit_ngram(training, order=order, vocab_size=VOCAB)
    slow = SlowKneserNey(training, order, VOCAB)
    for got, sequence in zip(model.log_probs_of_all(held_out), held_out, strict=True):
        np.testing.assert_allclose(np.exp(got), slow.probabilities(sequence), rtol=1e-5)


@given(texts, st.lists(st.integers(0, VOCAB - 1), max_size=7), orders)
def test_each_context_sums_to_one(training: list[list[int]], context: list[int], order: int) -> None:
    model = fit_ngram(training, order=order, vocab_size=VOCAB)
    p_V = model.distribution(context)
    assert p_V.shape == (VOCAB + 1,)
    assert p_V.min() > 0
    assert p_V.sum() == pytest.approx(1, abs=1e-5)
    scored = [model.log_probs([*context, token])[len(context)] for token in range(VOCAB)]
    np.testing.assert_allclose(np.exp(scored), p_V[:VOCAB], rtol=1e-5)


@pytest.mark.parametrize("order", KENLM_PERPLEXITY)
def test_perplexity_equals_kenlms(order: int) -> None:
    training, held_out = sentences()
    vocabulary = {c: i for i, c in enumerate(sorted({c for line in training for c in line}), 1)}
    model = fit_ngram(as_ids(training, vocabulary), order=order, vocab_size=len(vocabulary) + 1)
    totals = model.totals(as_ids(held_out, vocabulary))
    assert totals.tokens == 124_923
    assert totals.perplexity == pytest.approx(KENLM_PERPLEXITY[order], rel=1e-6)
    assert model.config.fallback == ()


@pytest.mark.slow
def test_each_context_of_real_text_sums_to_one() -> None:
    training, held_out = sentences()
    vocabulary = {c: i for i, c in enumerate(sorted({c for line in training for c in line}), 1)}
    model = fit_ngram(as_ids(training, vocabulary), order=4, vocab_size=len(vocabulary) + 1)
    for line in as_ids(held_out, vocabulary)[:200]:
        assert model.distribution(line[: len(line) // 2]).sum() == pytest.approx(1, abs=1e-5)


@settings(max_examples=25)
@given(texts, orders)
def test_saved_and_loaded_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, training: list[list[int]], order: int
) -> None:
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    model = fit_ngram(training, order=order, vocab_size=VOCAB)
    model.save(one)
    loaded = NgramModel.load(one)
    assert loaded.config == model.config
    assert loaded.totals(training) == model.totals(training)
    loaded.save(two)
    for name in ("config.json", "model.safetensors"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_text_seen_often_costs_less() -> None:
    model = fit_ngram([[0, 1, 2, 3]] * 50 + [[3, 2]], order=3, vocab_size=5)
    assert model.perplexity([[0, 1, 2, 3]]) < 1.5
    assert model.perplexity([[4, 4, 4]]) > 5


def test_totals_count_tokens_and_ends() -> None:
    model = fit_ngram([[0, 1], [1]], order=2, vocab_size=2)
    totals = model.totals([[0, 1], [], [1]])
    assert (totals.tokens, totals.sequences) == (6, 3)
    assert totals.log_prob == pytest.approx(sum(model.log_prob(s) for s in ([0, 1], [], [1])))
    assert totals.bits_per_byte(6) == pytest.approx(np.log2(totals.perplexity))
    assert model.totals([]).tokens == 0


def test_samples_follow_the_text_and_the_seed() -> None:
    model = fit_ngram([[0, 1, 2, 3, 4]] * 30, order=3, vocab_size=6)
    samples = [model.sample(seed, max_tokens=20) for seed in range(20)]
    assert samples == [model.sample(seed, max_tokens=20) for seed in range(20)]
    assert sum(sample == [0, 1, 2, 3, 4] for sample in samples) > 10
    assert model.sample(1, max_tokens=0, prompt=[2]) == [2]


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(InvalidInput, match="outside the vocabulary"):
        fit_ngram([[0, 9]], order=2, vocab_size=5)
    with pytest.raises(InvalidInput, match="no text"):
        fit_ngram([], order=2, vocab_size=5)
    with pytest.raises(InvalidInput, match="order"):
        fit_ngram([[1]], order=7, vocab_size=5)
    with pytest.raises(InvalidInput, match="outside the vocabulary"):
        fit_ngram([[1]], order=2, vocab_size=5).log_prob([-1])


def test_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        NgramModel.load(tmp_path)
    fit_ngram([[0, 1]], order=2, vocab_size=2).save(tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    whole, written = weights.read_bytes(), config.read_text()
    for cut in (0, 5, 60, len(whole) - 1):
        weights.write_bytes(whole[:cut])
        with pytest.raises(Damaged, match="safetensors"):
            NgramModel.load(tmp_path)
    weights.write_bytes(whole)
    for key, value in (("vocab_size", 3), ("order", 3), ("grams", [4, 9]), ("surprise", 1)):
        config.write_text(json.dumps(json.loads(written) | {key: value}))
        with pytest.raises(Damaged):
            NgramModel.load(tmp_path)
    config.write_text(written)
    assert NgramModel.load(tmp_path).config.vocab_size == 2
