"""Each setting does to the logits what `transformers` does, and a draw follows the probabilities."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from catenary.errors import InvalidInput
from catenary.inference import GenerationSettings, sampling
from catenary.inference.sampling import Logits, Seen

PROMPT = [3, 4, 5, 3]


def logits_of(seed: int, size: int = 50) -> Logits:
    return np.random.default_rng(seed).normal(0, 3, size).astype(np.float32)


def theirs(processor: object, logits: Logits) -> Logits:
    told: Logits = processor(torch.tensor([PROMPT]), torch.from_numpy(logits)[None].clone())[0].numpy()  # type: ignore[operator]
    return told


@given(seed=st.integers(0, 10_000), k=st.integers(1, 60), p=st.floats(0.02, 0.99))
def test_narrowing_is_as_in_transformers(seed: int, k: int, p: float) -> None:
    logits = logits_of(seed)
    np.testing.assert_allclose(
        sampling.with_temperature(logits, 0.1 + p),
        theirs(TemperatureLogitsWarper(0.1 + p), logits),
        rtol=1e-6,
    )
    np.testing.assert_array_equal(sampling.top_k(logits, k), theirs(TopKLogitsWarper(k), logits))
    np.testing.assert_array_equal(sampling.top_p(logits, p), theirs(TopPLogitsWarper(p), logits))
    np.testing.assert_array_equal(sampling.min_p(logits, p), theirs(MinPLogitsWarper(p), logits))
    np.testing.assert_array_equal(
        sampling.with_repetition_penalty(logits, 1 + p, Seen.of(PROMPT)),
        theirs(RepetitionPenaltyLogitsProcessor(1 + p), logits),
    )
    np.testing.assert_allclose(
        sampling.with_bias(logits, {7: p, 9: -p}),
        theirs(SequenceBiasLogitsProcessor([[[7], p], [[9], -p]]), logits),
        rtol=1e-6,
    )


def test_a_wide_nucleus_looks_at_all_tokens() -> None:
    flat = np.zeros(5000, dtype=np.float32)
    assert np.isfinite(sampling.top_p(flat, 0.9)).sum() == pytest.approx(4500, abs=2)


def test_presence_and_frequency_count_the_answer_alone() -> None:
    """OpenAI's formula, on a case worked by hand."""
    seen = Seen.of([1, 2])
    for token in (3, 3, 4):
        seen.add(token)
    told = sampling.with_presence_and_frequency(np.zeros(6, dtype=np.float32), 0.5, 0.25, seen)
    assert told.tolist() == [0, 0, 0, -1.0, -0.75, 0]


def test_a_draw_follows_the_probabilities() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.2, 1e-30], dtype=np.float32))
    chances = np.random.default_rng(0).random(20_000)
    told = Counter(sampling.drawn(logits, chance) for chance in chances)
    assert [told[token] / 20_000 for token in range(4)] == pytest.approx([0.5, 0.3, 0.2, 0], abs=0.015)
    banned = np.array([0.0, -np.inf], dtype=np.float32)
    assert sampling.drawn(banned, 0.999999999999) == 0


def test_nothing_changes_its_input() -> None:
    logits = logits_of(1)
    before = logits.copy()
    settings = GenerationSettings(
        temperature=0.5,
        top_k=5,
        top_p=0.5,
        min_p=0.1,
        repetition_penalty=2,
        presence_penalty=1,
        logit_bias={3: 9},
    )
    seen = Seen.of(PROMPT)
    seen.add(7)
    sampling.chosen(logits, settings, seen, 0.5)
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"temperature": -1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"n": 0}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": float("nan")}, "temperature"),
        ({"stop": ("",)}, "empty"),
        ({"beams": 2, "temperature": 1.0}, "Beam"),
        ({"no_repeat_ngram": 3}, "beam search"),
        ({"length_penalty": 1.4}, "beam search"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        GenerationSettings(**settings)  # type: ignore[arg-type]
