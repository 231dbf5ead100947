from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.models.baselines.linear import LinearClassifier, fit_linear
from catenary.models.baselines.linear_settings import Analysis, LinearSettings
from catenary.models.baselines.tfidf import Vocabulary, idf, weigh
from tests.models.baselines.reviews import labelled_reviews

SKLEARNS = {
    "characters": {"analyzer": "char"},
    "characters_in_words": {"analyzer": "char_wb"},
    "words": {"analyzer": "word", "token_pattern": r"\w+"},
}
english = st.text(alphabet="abAB çÇ1_-. \n\t\u3000é𝒳", max_size=20)
chinese = st.text(alphabet="好看不太,。 ", max_size=12)
analyses = st.sampled_from(get_args(Analysis))
corpora = st.one_of(st.lists(english, min_size=1, max_size=12), st.lists(chinese, min_size=1, max_size=12))


def dense(
    texts: list[str], corpus: list[str], analysis: Analysis, lengths: tuple[int, int], min_df: int
) -> tuple[list[str], np.ndarray]:
    vocabulary, counts = Vocabulary.of(corpus, analysis, lengths, min_df=min_df)
    x = weigh(vocabulary.count(texts), idf(counts), sublinear=True)
    return vocabulary.ngrams(), csr_matrix(
        (x.value, (x.text, x.gram)), shape=(len(texts), counts.grams)
    ).toarray()


@settings(max_examples=200)
@given(
    corpora,
    corpora,
    st.sampled_from(get_args(Analysis)),
    st.sampled_from([(1, 1), (1, 3), (2, 3)]),
    st.integers(1, 2),
)
def test_vectors_are_sklearns(
    corpus: list[str], texts: list[str], analysis: Analysis, lengths: tuple[int, int], min_df: int
) -> None:
    ngrams, ours = dense(texts, corpus, analysis, lengths, min_df)
    theirs = TfidfVectorizer(ngram_range=lengths, min_df=min_df, sublinear_tf=True, **SKLEARNS[analysis])
    try:
        theirs.fit(corpus)
    except ValueError:  # it refuses an empty vocabulary
        assert ngrams == []
        return
    assert sorted(ngrams) == sorted(theirs.get_feature_names_out())
    columns = [theirs.vocabulary_[ngram] for ngram in ngrams]
    np.testing.assert_allclose(ours, theirs.transform(texts).toarray()[:, columns], atol=1e-12)


def test_counting_again_what_was_fitted_gives_the_same() -> None:
    corpus = [text for text, _ in labelled_reviews()[:300]]
    vocabulary, counts = Vocabulary.of(corpus, "characters", (1, 3), min_df=2)
    again = vocabulary.count(corpus)
    for name in ("text", "gram", "times"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(again, name))


def test_probabilities_are_sklearns_on_the_reviews() -> None:
    reviews = labelled_reviews()[:3000]
    texts, labels = [text for text, _ in reviews], [label for _, label in reviews]
    classifier = fit_linear(texts[:2500], labels[:2500], LinearSettings(C=3.0))
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    reference = LogisticRegression(C=3.0, max_iter=500).fit(
        vectors.fit_transform(texts[:2500]), labels[:2500]
    )
    expected = reference.predict_proba(vectors.transform(texts[2500:]))
    np.testing.assert_allclose(
        classifier.predict_proba(texts[2500:]), expected, atol=1e-3
    )  # two converged solutions


@pytest.mark.slow
def test_accuracy_on_the_reviews() -> None:
    reviews = labelled_reviews()
    held_out, training = reviews[:1700], reviews[1700:]
    classifier = fit_linear([text for text, _ in training], [label for _, label in training])
    right = sum(
        guess == label
        for guess, (_, label) in zip(
            classifier.predict([text for text, _ in held_out]), held_out, strict=True
        )
    )
    assert right / len(held_out) > 0.84
    assert classifier.weightiest("negative", 1)[0][1] > 0


def test_more_than_two_labels() -> None:
    texts = ["red apple", "green apple", "red car", "fast car", "blue sky", "grey sky"] * 3
    labels = ["fruit", "fruit", "machine", "machine", "air", "air"] * 3
    settings_ = LinearSettings.for_languages(["en"], analysis="words", ngrams=(1, 2))
    classifier = fit_linear(texts, labels, settings_)
    assert classifier.labels == ("air", "fruit", "machine")
    assert classifier.predict(["an apple", "my sky", "the car"]) == ["fruit", "air", "machine"]
    p = classifier.predict_proba(["apple", "", "unheard"])
    assert p.shape == (3, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[1], p[2])
    assert classifier.predict_proba([]).shape == (0, 3)
    assert [ngram for ngram, _ in classifier.weightiest("fruit", 1)] == ["apple"]


@pytest.mark.parametrize("analysis", get_args(Analysis))
def test_saved_and_loaded_it_is_the_same(tmp_path: Path, analysis: Analysis) -> None:
    texts = ["so good \n a day", "so bad a \udcff day", "good good", "bad, bad!", "𝒳 是 good", "是 bad"]
    labels = ["+", "-"] * 3
    for name in ("one", "two"):
        fit_linear(texts, labels, LinearSettings(analysis=analysis, min_df=1)).save(tmp_path / name)
    loaded = LinearClassifier.load(tmp_path / "one")
    loaded.save(tmp_path / "three")
    for file in ("config.json", "vocabulary.json", "model.safetensors"):
        whole = (tmp_path / "one" / file).read_bytes()
        assert whole == (tmp_path / "two" / file).read_bytes() == (tmp_path / "three" / file).read_bytes()
    fitted = fit_linear(texts, labels, LinearSettings(analysis=analysis, min_df=1))
    np.testing.assert_array_equal(loaded.predict_proba(texts), fitted.predict_proba(texts))
    assert loaded.vocabulary.ngrams() == fitted.vocabulary.ngrams()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        LinearClassifier.load(tmp_path)
    fit_linear(["ab", "cd", "abc"], ["x", "y", "x"], LinearSettings(min_df=1)).save(tmp_path)
    for file, texts in (
        ("config.json", ["", "{}", '{"labels": ["x"]}']),
        (
            "vocabulary.json",
            ["", "[]", "[[]]", '{"a": 1}', '[["a"], ["ab"], []]', '[["a","b"],["ba","ab"],[]]', "[1]"],
        ),
        ("model.safetensors", ["", "0" * 100]),
    ):
        whole = (tmp_path / file).read_bytes()
        for text in texts:
            (tmp_path / file).write_text(text)
            with pytest.raises(Damaged):
                LinearClassifier.load(tmp_path)
        (tmp_path / file).write_bytes(whole)
    LinearClassifier.load(tmp_path)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(InvalidInput, match="one label"):
        fit_linear(["a"], ["x", "y"])
    with pytest.raises(InvalidInput, match="two different labels"):
        fit_linear(["a", "b"], ["x", "x"])
    with pytest.raises(InvalidInput, match="min_df"):
        fit_linear(["a", "b"], ["x", "y"])


def test_settings_are_strict_and_fit_the_language() -> None:
    assert LinearSettings.model_validate({"ngrams": [1, 2]}).ngrams == (1, 2)
    assert LinearSettings.for_languages(["zh"]).analysis == "characters"
    assert LinearSettings.for_languages(["zh", "en"]).analysis == "characters"
    assert LinearSettings.for_languages(["en"]).analysis == "characters_in_words"
    assert LinearSettings.for_languages(["en"], min_df=5).min_df == 5
    lengths: list[list[object]] = [["1", 2], [1, 9], [0, 1], [1, 2, 3]]
    for wrong in [{"ngrams": some} for some in lengths] + [{"min_df": "2"}, {"c": 1.0}, {"C": 0.0}]:
        with pytest.raises(ValidationError):
            LinearSettings.model_validate(wrong)
    with pytest.raises(InvalidInput, match="wrong way round"):
        LinearSettings(ngrams=(3, 1))
    assert LinearSettings.model_validate(json.loads(LinearSettings().model_dump_json())) == LinearSettings()
