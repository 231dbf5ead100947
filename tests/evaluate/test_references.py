"""Every metric equals the field's reference implementation to 1e-6 on 1,000 real items."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
import sacrebleu
from sklearn import metrics as sklearns

from catenary.evaluate import Predictions, classification_report, reading_report, tagging_report
from catenary.evaluate.overlap import english_stem, rouge_words
from catenary.evaluate.written import WRITTEN_METRICS, written_report
from tests.evaluate.real_items import ITEMS, chinese, damaged, english, labelled, tagged

WITHIN = 1e-6
FEW = 20  # resamples: these tests look at the values


@pytest.fixture(scope="module")
def classified() -> tuple[list[str], np.ndarray[Any, Any], list[str]]:
    """Real reviews, and the probabilities that a classifier learnt from other reviews gives them."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = HashingVectorizer(analyzer="char", ngram_range=(1, 2), n_features=1 << 14)
    texts, gold = labelled(2000)
    model = LogisticRegression(max_iter=200).fit(vectors.transform(texts), gold)
    texts, gold = labelled(0)
    return gold, model.predict_proba(vectors.transform(texts)), model.classes_.tolist()


def test_classification_is_scikit_learns(classified: Any) -> None:
    gold, probabilities_NK, names = classified
    told = Predictions.from_probabilities(probabilities_NK, names)
    metrics = ["accuracy", "f1", "f1_micro", "f1_weighted", "precision", "recall", "mcc", "roc_auc", "pr_auc"]
    report = classification_report(gold, {"m": told}, metrics=metrics, resamples=FEW)
    figures, said = report.models[0].metrics, list(told.labels)
    one_hot_NK = np.array([[label == name for name in names] for label in gold])

    expected = {
        "accuracy": sklearns.accuracy_score(gold, said),
        "f1": sklearns.f1_score(gold, said, average="macro"),
        "f1_micro": sklearns.f1_score(gold, said, average="micro"),
        "f1_weighted": sklearns.f1_score(gold, said, average="weighted"),
        "precision": sklearns.precision_score(gold, said, average="macro"),
        "recall": sklearns.recall_score(gold, said, average="macro"),
        "mcc": sklearns.matthews_corrcoef(gold, said),
        "roc_auc": sklearns.roc_auc_score(one_hot_NK[:, 1], probabilities_NK[:, 1]),
        "pr_auc": sklearns.average_precision_score(one_hot_NK, probabilities_NK, average="macro"),
    }
    assert len(gold) == ITEMS
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value, abs=WITHIN), name
        assert figures[name].low < figures[name].value < figures[name].high, name
    np.testing.assert_array_equal(report.models[0].confusion, sklearns.confusion_matrix(gold, said))


def test_areas_of_several_classes_with_ties_are_scikit_learns() -> None:
    tags = [tag for row in tagged() for tag in row if tag != "O"][:ITEMS]
    names = sorted(set(tags))
    draw = np.random.default_rng(3)
    told_NK = draw.dirichlet(np.ones(len(names)), ITEMS).round(2) + 1e-3  # rounded: many are equal
    told_NK += 0.4 * np.array([[tag == name for name in names] for tag in tags])
    told_NK /= told_NK.sum(1, keepdims=True)
    told = Predictions.from_probabilities(told_NK, names)
    report = classification_report(tags, {"m": told}, metrics=["roc_auc", "pr_auc"], resamples=FEW)
    figures = report.models[0].metrics
    one_hot_NK = np.array([[tag == name for name in names] for tag in tags])

    roc = sklearns.roc_auc_score(one_hot_NK, told_NK, average="macro")
    precision = sklearns.average_precision_score(one_hot_NK, told_NK, average="macro")
    assert figures["roc_auc"].value == pytest.approx(roc, abs=WITHIN)
    assert figures["pr_auc"].value == pytest.approx(precision, abs=WITHIN)


def test_calibration_is_that_of_the_reliability_diagram(classified: Any) -> None:
    from sklearn.calibration import calibration_curve

    gold, probabilities_NK, names = classified
    told = Predictions.from_probabilities(probabilities_NK, names)
    figure = classification_report(gold, {"m": told}, metrics=["ece"], resamples=FEW).models[0].metrics["ece"]
    right = np.array([a == b for a, b in zip(gold, told.labels, strict=True)])
    sure = np.asarray(told.confidence)
    shares, means = calibration_curve(right, sure, n_bins=15)
    counts = np.histogram(sure, bins=np.linspace(0, 1, 16))[0]

    assert figure.value == pytest.approx(np.abs(shares - means) @ counts[counts > 0] / ITEMS, abs=WITHIN)


def test_entities_are_seqevals() -> None:
    from seqeval import metrics as seqevals
    from seqeval.scheme import IOB2

    gold, draw = tagged(), random.Random(5)
    tags = sorted({tag for row in gold for tag in row})
    told = [[draw.choice(tags) if draw.random() < 0.08 else tag for tag in row] for row in gold]
    for strict in (False, True):
        rest: dict[str, Any] = {"mode": "strict", "scheme": IOB2} if strict else {}
        report = tagging_report(gold, {"m": told}, strict=strict, resamples=FEW)
        figures = report.models[0].metrics
        expected = {
            "entity_f1": seqevals.f1_score(gold, told, **rest),
            "entity_precision": seqevals.precision_score(gold, told, **rest),
            "entity_recall": seqevals.recall_score(gold, told, **rest),
            "entity_f1_macro": seqevals.f1_score(gold, told, average="macro", **rest),
            "accuracy": seqevals.accuracy_score(gold, told),
        }
        for name, value in expected.items():
            assert figures[name].value == pytest.approx(value, abs=WITHIN), (name, strict)


def test_answers_are_squads() -> None:
    """The script of SQuAD 1.1 (Rajpurkar et al. 2016): what it counts, said in a few lines."""
    gold = english()
    told = [
        text if at % 7 == 0 else other
        for at, (text, other) in enumerate(zip(gold, damaged(gold, 2), strict=True))
    ]
    figures = reading_report([[one] for one in gold], {"m": told}, resamples=FEW).models[0].metrics
    exact, f1 = zip(*(_squad(said, right) for said, right in zip(told, gold, strict=True)), strict=True)

    assert figures["exact"].value == pytest.approx(np.mean(exact), abs=WITHIN)
    assert figures["answer_f1"].value == pytest.approx(np.mean(f1), abs=WITHIN)


def _squad(said: str, right: str) -> tuple[float, float]:
    import re
    import string

    def words(text: str) -> list[str]:
        text = "".join(c for c in text.lower() if c not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    a, b = words(said), words(right)
    same = sum((Counter(a) & Counter(b)).values())
    if not same:
        return float(a == b), 0.0
    precision, recall = same / len(a), same / len(b)
    return float(a == b), 2 * precision * recall / (precision + recall)


@pytest.fixture(scope="module", params=["en", "zh"])
def pairs(request: pytest.FixtureRequest) -> tuple[str, list[str], list[str]]:
    if request.param == "en":
        return "en", english(), damaged(english(), 1)
    return "zh", chinese(), damaged(chinese(), 1, "character")


def test_what_is_written_is_measured_as_the_references_do(pairs: Any) -> None:
    from nltk.translate.meteor_score import meteor_score
    from nltk.translate.nist_score import corpus_nist
    from rouge_score.rouge_scorer import RougeScorer

    lang, gold, said = pairs
    metrics = ["bleu", "chrf", "ter", "nist", "meteor", "rouge1", "rouge2", "rougeL"]
    figures = (
        written_report(gold, {"m": said}, metrics=metrics, language=lang, resamples=FEW).models[0].metrics
    )
    words_said, words_gold = [rouge_words(text) for text in said], [rouge_words(text) for text in gold]
    zh = lang == "zh"

    class Cutter:
        tokenize = staticmethod(rouge_words)

    class Stems:
        stem = staticmethod(english_stem)

    class NoSynonyms:
        synsets = staticmethod(lambda _: [])

    # On English words rouge-score is taken as it comes; its own cutting drops all that is not ASCII.
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Cutter() if zh else None)
    rouges = [rouge.score(right, told) for right, told in zip(gold, said, strict=True)]
    meteors = [
        meteor_score([right], told, stemmer=Stems(), wordnet=NoSynonyms())
        for right, told in zip(words_gold, words_said, strict=True)
    ]
    expected = {
        "bleu": sacrebleu.corpus_bleu(said, [gold], tokenize="zh" if zh else "13a").score,
        "chrf": sacrebleu.corpus_chrf(said, [gold]).score,
        "ter": sacrebleu.corpus_ter(said, [gold], normalized=zh, asian_support=zh).score,
        "nist": corpus_nist([[one] for one in words_gold], words_said),
        "meteor": 100 * np.mean(meteors),
        **{name: 100 * np.mean([one[name].fmeasure for one in rouges]) for name in metrics[-3:]},
    }
    assert len(gold) == ITEMS
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value, abs=WITHIN), name
        assert figures[name].low < figures[name].value < figures[name].high, name


def test_what_needs_no_reference_is_measured_as_by_hand() -> None:
    from nltk import ngrams
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    texts = [*english()[:150], *english()[:3]]  # a few twice
    trained = english()[100:]
    metrics = ["distinct_1", "distinct_2", "self_bleu", "repetition", "characters", "novelty", "misspelt"]
    report = written_report(texts, {"m": texts}, metrics=metrics, trained=trained, resamples=200)
    figures = report.models[0].metrics
    words = [rouge_words(text) for text in texts]

    def all_of(size: int, of: list[list[str]] = words) -> list[tuple[str, ...]]:
        return [gram for one in of for gram in ngrams(one, size)]

    smooth = SmoothingFunction().method1
    likeness = [
        sentence_bleu(words[:at] + words[at + 1 :], one, smoothing_function=smooth)
        for at, one in enumerate(words)
    ]
    known = set(all_of(5, [rouge_words(text) for text in trained]))
    times = Counter(word for text in trained for word in rouge_words(text))
    expected = {
        "distinct_1": len(set(all_of(1))) / len(all_of(1)),
        "distinct_2": len(set(all_of(2))) / len(all_of(2)),
        "self_bleu": 100 * np.mean(likeness),
        "repetition": 100 * (1 - sum(len(set(ngrams(one, 4))) for one in words) / len(all_of(4))),
        "characters": np.mean([len(text) for text in texts]),
        "novelty": 100 * np.mean([gram not in known for gram in all_of(5)]),
        "misspelt": 100 * np.mean([times[one] < 2 and not one.isdigit() for [one] in all_of(1)]),
    }
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value, abs=WITHIN), name
        assert figures[name].low < figures[name].value < figures[name].high, name


def test_similarity_is_scikit_learns_cosine() -> None:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.metrics.pairwise import paired_cosine_distances

    vectors = HashingVectorizer(analyzer="char", ngram_range=(2, 3), n_features=512, norm=None)
    gold, said = chinese(), damaged(chinese(), 9, "character")

    def embed(texts: Any) -> Any:
        return vectors.transform(texts).toarray()

    report = written_report(gold, {"m": said}, metrics=["similarity"], embed=embed, resamples=FEW)
    expected = 1 - paired_cosine_distances(embed(gold), embed(said)).mean()
    assert report.figures()["m.similarity"].value == pytest.approx(expected, abs=WITHIN)


def test_every_metric_of_texts_is_tested_here() -> None:
    here = {"bleu", "chrf", "ter", "nist", "meteor", "rouge1", "rouge2", "rougeL", "similarity"}
    here |= {"distinct_1", "distinct_2", "self_bleu", "repetition", "characters", "novelty", "misspelt"}
    assert here == set(WRITTEN_METRICS) - {"slips"}  # which has no reference: see test_slips
