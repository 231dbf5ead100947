"""Tagging, reading, several labels and numbers: equal to the field's references, with intervals and paired tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, mean_absolute_error, root_mean_squared_error

from catenary.data.tags import TagView, entities_of, may_follow
from catenary.errors import InvalidInput
from catenary.evaluate import labels_report, numbers_report, reading_report, tagging_report, write_report
from catenary.evaluate.reading import exact, overlap


def test_entities_as_seqeval_has_them():
    """The examples of seqeval's documentation and tests (github.com/chakki-works/seqeval, MIT)."""
    gold = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    told = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    figures = tagging_report(gold, {"m": told}).figures()
    assert figures["m.entity_f1"].value == 0.5
    assert figures["m.entity_f1_MISC"].value == 0
    assert figures["m.entity_f1_PER"].value == 1
    assert figures["m.accuracy"].value == pytest.approx(0.8)
    # default and strict differ on an I- without a beginning
    gold, told = [["B-NP", "I-NP", "O"]], [["I-NP", "I-NP", "O"]]
    assert tagging_report(gold, {"m": told}).figures()["m.entity_f1"].value == 1.0
    assert tagging_report(gold, {"m": told}, strict=True).figures()["m.entity_f1"].value == 0.0


@pytest.mark.parametrize(
    ("tags", "default", "strict"),
    [
        ("B-a I-a B-a", [("a", 0, 2), ("a", 2, 3)], [("a", 0, 2), ("a", 2, 3)]),
        ("B-a I-b", [("a", 0, 1), ("b", 1, 2)], [("a", 0, 1)]),
        ("I-a O I-b", [("a", 0, 1), ("b", 2, 3)], []),
        ("B-a E-a S-b", [("a", 0, 2), ("b", 2, 3)], [("a", 0, 2), ("b", 2, 3)]),
        ("B-a I-a O S-b", [("a", 0, 2), ("b", 3, 4)], [("b", 3, 4)]),
        ("E-a E-a", [("a", 0, 1), ("a", 1, 2)], []),
        ("n v O", [], []),
    ],
)
def test_entities_of_rows(tags, default, strict):
    assert [tuple(one) for one in entities_of(tags.split())] == default
    assert [tuple(one) for one in entities_of(tags.split(), strict=True)] == strict


@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"]), max_size=12))
def test_where_only_what_may_follow_follows_strict_changes_nothing(tags):
    kept = []
    for tag in tags:
        if may_follow(kept[-1] if kept else None, tag, ends=False):
            kept.append(tag)
    assert entities_of(kept) == entities_of(kept, strict=True)


def test_views_of_tagged_words():
    words, tags = ["江", "泽民", "在", "北京", "、", "上海"], ["nr", "nr", "p", "ns", "w", "ns"]
    assert TagView(("nr", "ns"), ("nr",)).of(words, tags)[1] == ["B-nr", "I-nr", "O", "B-ns", "O", "B-ns"]
    assert TagView(("nr",)).of(words, tags)[1][:2] == ["B-nr", "B-nr"]
    assert TagView(units="characters").of(["北京"], ["B-ns"]) == (["北", "京"], ["B-ns", "I-ns"])
    assert TagView(units="characters").of(["北京"], ["ns"]) == (["北", "京"], ["ns", "ns"])


def test_answers_as_squad_and_cmrc_have_them():
    assert exact("The Eiffel Tower!", ["eiffel tower"]) == 1
    assert overlap("in the year 1998", ["1998"]) == pytest.approx(0.5)
    assert exact("“１９９８年”", ["１９９８年"]) == 1
    assert overlap("北京大学", ["清华大学"]) == pytest.approx(2 * 2 / 8)  # the longest run in common is 大学
    assert (exact(None, []), overlap(None, []), exact("x", []), overlap(None, ["x"])) == (1, 1, 0, 0)


def test_readers_are_compared_question_by_question():
    gold = [["北京"], ["上海"], []] * 30
    report = reading_report(
        gold, {"old": ["北京", None, "x"] * 30, "new": ["北京", "上海", None] * 30}, control="old"
    )
    assert report.figures()["old.exact"].value == pytest.approx(1 / 3)
    assert report.figures()["new.exact"].value == 1
    assert report.figures()["new.exact"].low < 1
    assert report.comparison("new", "old", "exact").outcome == "better"


def test_several_labels_as_scikit_learn_has_them():
    random = np.random.default_rng(0)
    gold_NC, told_NC = random.integers(0, 2, (2, 80, 3))
    as_names = [[["a", "b", "c"][k] for k in np.flatnonzero(row)] for row in (*gold_NC, *told_NC)]
    figures = labels_report(as_names[:80], {"m": as_names[80:]}).figures()
    assert figures["m.f1"].value == pytest.approx(f1_score(gold_NC, told_NC, average="macro"))
    assert figures["m.f1_micro"].value == pytest.approx(f1_score(gold_NC, told_NC, average="micro"))
    assert figures["m.accuracy"].value == pytest.approx((gold_NC == told_NC).all(axis=1).mean())
    assert figures["m.f1"].low < figures["m.f1"].value < figures["m.f1"].high


def test_numbers_as_scipy_has_them():
    random = np.random.default_rng(0)
    gold = random.normal(1000, 3, 60)
    good, bad = gold + random.normal(0, 1, 60), random.normal(1000, 3, 60)
    report = numbers_report(gold.tolist(), {"bad": bad.tolist(), "good": good.tolist()}, control="bad")
    figures = report.figures()
    assert figures["good.mae"].value == pytest.approx(mean_absolute_error(gold, good))
    assert figures["good.rmse"].value == pytest.approx(root_mean_squared_error(gold, good))
    assert figures["good.pearson"].value == pytest.approx(stats.pearsonr(gold, good).statistic)
    assert figures["good.spearman"].value == pytest.approx(stats.spearmanr(gold, good).statistic)
    assert report.comparison("good", "bad", "mae").outcome == "better"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_shows_figures_mistakes_and_confusion(tmp_path, lang):
    gold = [["B-ns", "I-ns", "O"], ["O", "O", "B-nr"]] * 10
    told = {"hmm": [["O", "O", "O"], ["O", "O", "B-nr"]] * 10, "new": gold}
    words = [["北", "京", "好"], ["我", "是", "张"]] * 10
    report = tagging_report(gold, told, words=words, control="hmm")
    write_report(tmp_path, scores=report, title="实体", lang=lang)
    page = (tmp_path / "report.md").read_text("utf-8")
    assert "北京/ns" in page
    assert (tmp_path / "confusion-1.svg").is_file()
    assert ("实体 F1" if lang == "zh" else "entity F1 of ns") in page


def test_what_does_not_pair_is_refused():
    with pytest.raises(InvalidInput, match="one tag"):
        tagging_report([["O"]], {"m": [["O", "O"]]})
    with pytest.raises(InvalidInput, match="nothing"):
        tagging_report([], {"m": []})
    with pytest.raises(InvalidInput, match="control"):
        reading_report([["a"]], {"m": ["a"]}, control="x")
