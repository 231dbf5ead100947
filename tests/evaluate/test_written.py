"""BLEU and chrF are sacrebleu's, ROUGE the paper's; better is called better, by chance is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.errors import InvalidInput
from catenary.evaluate.overlap import ROUGES, rouge_words
from catenary.evaluate.written import written_report
from catenary.evaluate.written_page import write_written_report

TEXTS = st.lists(st.text("天地人日月 ab。", max_size=12), min_size=1, max_size=6)


@given(TEXTS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_bleu_and_chrf_are_sacrebleus(references: list[str], random: object) -> None:
    said = [text[: random.randint(0, 12)] + random.choice(["", "天地", "ab b"]) for text in references]  # type: ignore[attr-defined]
    told = written_report(references, {"m": said}, language="zh", resamples=10).figures()

    assert told["m.bleu"].value == pytest.approx(
        sacrebleu.corpus_bleu(said, [references], tokenize="zh").score, abs=1e-6
    )
    assert told["m.chrf"].value == pytest.approx(sacrebleu.corpus_chrf(said, [references]).score, abs=1e-6)


def test_rouge_by_hand() -> None:
    said, gold = rouge_words("the cat sat on the mat"), rouge_words("The cat is on a mat!")
    assert ROUGES["rouge1"](said, gold) == pytest.approx(2 * 4 / 12)
    assert ROUGES["rouge2"](said, gold) == pytest.approx(2 * 1 / 10)
    assert ROUGES["rougeL"](said, gold) == pytest.approx(2 * 4 / 12)
    assert rouge_words("用Python 3写，好！") == ["用", "python", "3", "写", "好"]
    assert ROUGES["rougeL"](rouge_words("我在北京"), rouge_words("我住在北京")) == pytest.approx(2 * 4 / 9)
    assert ROUGES["rouge2"]([], gold) == 0.0


def test_a_better_model_is_called_better_and_the_same_undecided(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    gold = ["".join(random.choice(list("天地人日月山水火木金土"), 12)) for _ in range(80)]
    worse = [text[:6] + text[:6] for text in gold]
    written = {"memory": worse, "model": [text[:10] + "土" for text in gold], "same": worse}
    report = written_report(
        gold, written, control="memory", metrics=["bleu", "chrf", "rougeL"], language="zh", resamples=300
    )

    outcomes = {(one.first, one.second, one.metric): one.outcome for one in report.comparisons}
    assert outcomes["model", "memory", "bleu"] == outcomes["model", "memory", "chrf"] == "better"
    assert outcomes["same", "memory", "bleu"] == "undecided"
    figure = report.figures()["model.bleu"]
    assert figure.low < figure.value < figure.high
    for lang in ("en", "zh"):
        write_written_report(tmp_path / lang, report, gold, gold, written, title="quality", lang=lang)  # type: ignore[arg-type]
    assert "BLEU" in (tmp_path / "zh" / "report.md").read_text("utf-8")
    assert "<svg" in (tmp_path / "zh" / "report.html").read_text("utf-8")
    assert (tmp_path / "zh" / "bleu.svg").is_file()
    with pytest.raises(InvalidInput):
        written_report(gold, {"m": gold[:3]})


def test_the_worst_examples_come_first(tmp_path: Path) -> None:
    gold = [f"the answer to question {n} is a book" for n in range(40)]
    model = list(gold)
    model[33], model[21] = "nothing of the kind, sir", "the answer to question 21 is a tree"
    control = ["never"] * 40  # bad everywhere: it does not count
    report = written_report(gold, {"old": control, "new": model}, control="old", resamples=50)
    write_written_report(tmp_path, report, gold, gold, {"old": control, "new": model}, title="t", lang="en")
    rows = (tmp_path / "report.md").read_text("utf-8").rpartition("Worst examples")[2].splitlines()
    shown = [row for row in rows if row.startswith("| the answer")]
    assert "nothing of the kind" in shown[0]
    assert "tree" in shown[1]
    kept = json.loads((tmp_path / "report.json").read_text("utf-8"))["examples"]
    assert kept["worst"][0]["said"] == {"old": "never", "new": "nothing of the kind, sir"}
    assert len(kept["best"]) == 5
    assert all(one["said"]["new"] == one["reference"] for one in kept["best"])
