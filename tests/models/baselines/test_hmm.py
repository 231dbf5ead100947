"""The hidden Markov tagger against its equations by brute force, and on real Chinese."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.models.baselines import HmmSettings, HmmTagger, fit_hmm
from catenary.models.baselines.word_shapes import clues, shape
from tests.models.baselines.people_daily import characters_and_entities, words_and_classes

pairs = st.tuples(
    st.sampled_from(["北京", "上海", "在", "Ann", "running", "ring", "3"]), st.sampled_from("nvx")
)
tagged = st.lists(st.lists(pairs, min_size=1, max_size=5), min_size=1, max_size=8)
BOUND = "|"


class Slow:
    """The equations of hmm.py with dictionaries, and every path tried."""

    def __init__(self, sentences: list[list[str]], rows: list[list[str]], fit: HmmTagger) -> None:
        self.settings, self.weight = fit.config.settings, fit.config.interpolation
        self.words = Counter(word for sentence in sentences for word in sentence)
        self.pairs = Counter(
            pair for s, row in zip(sentences, rows, strict=True) for pair in zip(s, row, strict=True)
        )
        self.tags = sorted({tag for row in rows for tag in row})
        total = sum(self.words.values())
        self.share = {tag: sum(row.count(tag) for row in rows) / total for tag in self.tags}
        marked = [[BOUND, *row, BOUND] for row in rows]
        self.follow = Counter(pair for row in marked for pair in pairwise(row))
        self.rare = [w for w in self.words if self.words[w] <= self.settings.rare] or list(self.words)
        self.known = {clue for word in self.rare for clue in clues(word, self.settings.suffix)}

    def transition(self, before: str, tag: str) -> float:
        after = sum(n for (one, _), n in self.follow.items() if one == before)
        into = sum(n for (_, other), n in self.follow.items() if other == tag)
        everything = sum(self.follow.values())
        return self.weight * self.follow[before, tag] / after + (1 - self.weight) * into / everything

    def of_clues(self, chain: list[str], tag: str) -> float:
        mu = self.settings.prior
        if not chain:
            of, all_of = sum(self.pairs[w, tag] for w in self.rare), sum(self.words[w] for w in self.rare)
            return (of + mu * self.share[tag]) / (all_of + mu)
        alike = [w for w in self.rare if chain[-1] in clues(w, self.settings.suffix)]
        of, all_of = sum(self.pairs[w, tag] for w in alike), sum(self.words[w] for w in alike)
        return (of + mu * self.of_clues(chain[:-1], tag)) / (all_of + mu)

    def emission(self, word: str, tag: str) -> float:
        chain = clues(word, self.settings.suffix)
        while chain and chain[-1] not in self.known:
            chain.pop()
        p = self.of_clues(chain, tag)
        if word in self.words:
            mu = self.settings.prior
            p = (self.pairs[word, tag] + mu * p) / (self.words[word] + mu)
        return p / self.share[tag]

    def log_p(self, sentence: list[str], path: tuple[str, ...]) -> float:
        marked = [BOUND, *path, BOUND]
        steps = [self.transition(a, b) for a, b in pairwise(marked)]
        said = [self.emission(word, tag) for word, tag in zip(sentence, path, strict=True)]
        return math.fsum(map(math.log, steps + said))

    def best(self, sentence: list[str]) -> float:
        return max(self.log_p(sentence, path) for path in product(self.tags, repeat=len(sentence)))


@settings(max_examples=40, deadline=None)
@given(tagged, tagged, st.integers(0, 3), st.sampled_from([1, 10]))
def test_the_path_is_the_best_of_all(
    training: list[list[tuple[str, str]]], asked: list[list[tuple[str, str]]], suffix: int, rare: int
) -> None:
    sentences = [[word for word, _ in row] for row in training]
    rows = [[tag for _, tag in row] for row in training]
    model = fit_hmm(sentences, rows, HmmSettings(suffix=suffix, rare=rare))
    slow = Slow(sentences, rows, model)
    questions = [[*[word for word, _ in row][:4], "新词"] for row in asked]
    for question, path in zip(questions, model.tag(questions), strict=True):
        assert slow.log_p(question, tuple(path)) == pytest.approx(slow.best(question), abs=1e-4)


def test_transitions_sum_to_one() -> None:
    sentences, tags = words_and_classes()
    model = fit_hmm(sentences[:500], tags[:500])
    np.testing.assert_allclose(np.exp(model.transitions).sum(axis=1), 1, atol=1e-5)
    assert 0 < model.config.interpolation < 1


def test_word_classes_of_the_peoples_daily() -> None:
    """Trained on 90 % of a month, asked about the rest; a tag a word by its frequency alone gets about .90."""
    sentences, tags = words_and_classes()
    cut = len(sentences) * 9 // 10
    model = fit_hmm(sentences[:cut], tags[:cut])
    right = np.array(
        [
            (said == tag, model.knows(word))
            for words, told, row in zip(sentences[cut:], model.tag(sentences[cut:]), tags[cut:], strict=True)
            for word, said, tag in zip(words, told, row, strict=True)
        ]
    )
    assert right[:, 0].mean() > 0.94
    assert right[~right[:, 1], 0].mean() > 0.65  # words never seen: 44 classes


def test_entities_of_the_peoples_daily_by_character() -> None:
    sentences, tags = characters_and_entities(words_and_classes())
    model = fit_hmm(sentences[:4000], tags[:4000])
    told = model.tag(sentences[4000:5000])
    right = [a == b for x, y in zip(told, tags[4000:5000], strict=True) for a, b in zip(x, y, strict=True)]
    assert np.mean(right) > 0.94
    assert {"B-nr", "I-nr", "B-ns", "B-nt", "O"} <= {tag for row in told for tag in row}


def test_saved_and_loaded_it_tags_alike(tmp_path: Path) -> None:
    sentences, tags = words_and_classes()
    model = fit_hmm(sentences[:300], tags[:300])
    for name in ("a", "b"):
        model.save(tmp_path / name)
    for file in ("config.json", "vocabulary.json", "model.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    asked = [*sentences[300:320], [], ["悬链"], ["", "\ud800", "🜚"]]
    again = HmmTagger.load(tmp_path / "a")
    assert again.tag(asked) == model.tag(asked)
    assert [len(row) for row in model.tag(asked)] == [len(row) for row in asked]
    assert model.tag([]) == []


def test_what_cannot_be_learnt_from() -> None:
    with pytest.raises(InvalidInput, match="2 / 1"):
        fit_hmm([["我", "在"]], [["r"]])
    with pytest.raises(InvalidInput, match="1 / 0"):
        fit_hmm([["我"]], [])
    with pytest.raises(InvalidInput, match="no tagged words"):
        fit_hmm([[]], [[]])


@pytest.mark.parametrize(
    "damage", ["config.json", "vocabulary.json", "model.safetensors", "missing", "fewer"]
)
def test_damaged_files_are_named(damage: str, tmp_path: Path) -> None:
    fit_hmm([["我", "在", "北京"]], [["r", "p", "ns"]]).save(tmp_path)
    if damage == "missing":
        (tmp_path / "vocabulary.json").unlink()
        with pytest.raises(NotFound):
            HmmTagger.load(tmp_path)
        return
    if damage == "fewer":
        damage = "vocabulary.json"
        told = json.loads((tmp_path / damage).read_text("utf-8"))
        (tmp_path / damage).write_text(json.dumps(told | {"words": told["words"][1:]}), "utf-8")
    else:
        (tmp_path / damage).write_bytes((tmp_path / damage).read_bytes()[:20])
    with pytest.raises(Damaged, match=damage):
        HmmTagger.load(tmp_path)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("北京", "汉2"),
        ("１９９８年", "9汉1"),
        ("iPhone-15", "aAa-9"),
        ("布宜诺斯艾利斯", "汉4"),
        ("ひらがな", "か"),
        ("", ""),
        ("，", "-"),
        ("ß", "a"),
    ],
)
def test_shapes(word: str, told: str) -> None:
    assert shape(word) == told
