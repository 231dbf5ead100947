"""Classifying: order, batches, lengths, odd texts, stopping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.errors import Interrupted, InvalidInput
from catenary.inference import Classifier, load
from catenary.inference.batches import TokenisedText, batches
from catenary.inference.transformer import softmax
from tests.inference.bag_of_words import MAX_TOKENS, write_folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return load(write_folder(tmp_path_factory.mktemp("model")), threads=1)


def test_answers_come_in_the_order_of_the_texts(classifier: Classifier) -> None:
    texts = ["好", "差", "书好好好好好", "差差差", "书"] * 100
    labels = [scores.label for scores in classifier.classify(texts)]
    assert labels == ["positive", "negative", "positive", "negative", "negative"] * 100


def test_probabilities_are_ranked_and_sum_to_one(classifier: Classifier) -> None:
    scores = classifier.classify(["好"])[0]
    assert list(scores.probabilities) == ["positive", "negative"]
    assert sum(scores.probabilities.values()) == pytest.approx(1)
    assert scores.probabilities["positive"] == pytest.approx(1 / (1 + np.exp(-4)))


def test_tokens_are_counted_with_the_special_ones(classifier: Classifier) -> None:
    scores = classifier.classify(["好书", "书" * (MAX_TOKENS - 2), "书" * (MAX_TOKENS - 1)])
    assert [told.tokens for told in scores] == [4, MAX_TOKENS, MAX_TOKENS]
    assert [told.truncated for told in scores] == [False, False, True]


def test_no_text_no_answer(classifier: Classifier) -> None:
    assert classifier.classify([]) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=5))
def test_a_text_is_answered_alike_alone_and_among_others(classifier: Classifier, texts: list[str]) -> None:
    together = classifier.classify(texts)
    assert together == [classifier.classify([text])[0] for text in texts]


def test_half_a_surrogate_pair_is_refused(classifier: Classifier) -> None:
    with pytest.raises(InvalidInput, match=r"Text 2 .*(\n.*)*U\+D83D at character 1"):
        classifier.classify(["好", "书\ud83d"])


@pytest.mark.parametrize("text", ["", "\x00", "\u202e好", "😀" * 50, "g" * 10_000_000])
def test_odd_texts_are_answered(classifier: Classifier, text: str) -> None:
    assert classifier.classify([text])[0].tokens <= MAX_TOKENS


def test_a_stop_is_heard_between_batches(classifier: Classifier) -> None:
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(len(asked) > 1)
        return asked[-1]

    with pytest.raises(Interrupted):
        classifier.classify(["好" * 14] * 5000, stop=stop)
    assert asked == [False, False, True]


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 100))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    texts = [TokenisedText(list(range(1, n + 1)), False) for n in lengths]
    made = list(batches(texts, pad_id=0, budget=budget))
    assert sorted(i for batch in made for i in batch.indices) == list(range(len(texts)))
    for batch in made:
        assert batch.input_ids.size <= budget or len(batch.indices) == 1
        for row, index in enumerate(batch.indices):
            assert batch.input_ids[row][batch.attention_mask[row] == 1].tolist() == texts[index].ids


def test_softmax_does_not_overflow() -> None:
    assert softmax(np.array([[3e38, -3e38]], dtype=np.float32)).tolist() == [[1.0, 0.0]]
