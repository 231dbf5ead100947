"""`catenary explain`, `catenary match` and evaluations by a task file, over a chain as a user makes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Catenary
from tests.stages.mail import OFFER, QUESTION, copied

MORE = """\
indexes:
  mail: {from: mail, tokenizer: words}

releases:
"""
QUIZ = f"""\
kind: classify
choices: [docs, offer]
items:
  - {{text: "{OFFER}", answer: offer}}
  - {{text: "{QUESTION}", answer: docs}}
"""


@pytest.fixture(scope="module")
def with_index(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(made, tmp_path_factory.mktemp("explained"))
    chain = (folder / "catenary.yaml").read_text("utf-8")
    asked = "evaluations:\n  quiz: {of: [linear, kind], task: quiz.yaml}\n"
    chain = chain.replace("evaluations:\n", asked, 1).replace("releases:\n", MORE, 1)
    (folder / "catenary.yaml").write_text(chain, "utf-8")
    (folder / "quiz.yaml").write_text(QUIZ, "utf-8")
    return folder


def test_an_answer_is_explained_token_by_token(catenary: Catenary, with_index: Path) -> None:
    ran = catenary(with_index, "run", "indexes.mail")
    assert ran.code == 0, ran.err
    said = catenary(
        with_index, "explain", "models.kind", OFFER, "--index", "mail", "--out", "why.html", "--json"
    )
    assert said.code == 0, said.err
    told = said.json
    assert told["label"] in ("docs", "offer")
    text = "".join(part["token"] for part in told["parts"][1:-1])  # [CLS] and [SEP] stand around it
    assert text == OFFER
    assert sum(part["value"] for part in told["parts"]) == pytest.approx(told["whole"], abs=0.25)
    assert len(told["like"]) == 3
    assert told["like"][0]["label"] == "offer"
    assert told["spans"]
    assert all(span["text"] in OFFER for span in told["spans"])
    page = (with_index / "why.html").read_text("utf-8")
    assert "rgba(" in page
    assert f"doc:{told['like'][0]['id']}" in page

    other = catenary(with_index, "explain", "models.kind", OFFER, "--label", "docs", "--method", "rollout")
    assert other.code == 0, other.err
    assert "docs: 0." in other.out
    assert "no lineage" in other.flat


def test_a_release_is_explained_too(catenary: Catenary, with_index: Path) -> None:
    said = catenary(with_index, "explain", "releases.kind", QUESTION, "--json", "--like", "0")
    assert said.code == 0, said.err
    assert sum(part["value"] for part in said.json["parts"]) == pytest.approx(said.json["whole"], abs=0.25)


def test_what_cannot_be_explained_is_told(catenary: Catenary, with_index: Path) -> None:
    linear = catenary(with_index, "explain", "linear", OFFER)
    assert linear.code != 0
    assert "linear" in linear.err
    label = catenary(with_index, "explain", "models.kind", OFFER, "--label", "spam")
    assert label.code != 0
    assert "docs, offer" in label.err


def test_the_words_of_a_document_are_found_in_it(catenary: Catenary, with_index: Path) -> None:
    assert catenary(with_index, "run", "indexes.mail").code == 0
    like = catenary(with_index, "explain", "models.kind", OFFER, "--json", "--like", "1").json["like"][0]
    said = catenary(with_index, "match", "mail", like["text"], "--json")
    assert said.code == 0, said.err
    first = said.json["spans"][0]
    assert first["text"] == like["text"]
    assert like["id"] in [place["document"] for place in first["documents"]]


def test_a_chain_asks_its_models_a_task(catenary: Catenary, with_index: Path) -> None:
    ran = catenary(with_index, "run", "evaluations.quiz")
    assert ran.code == 0, ran.err
    report = catenary(with_index, "show", "evaluations.quiz", "--json").json["report"]
    assert report["control"] == "linear"
    figure = report["metrics"]["linear"]["accuracy"]
    assert figure["n"] == 2
    assert figure["low"] <= figure["value"] <= figure["high"]
    [place] = (with_index / ".catenary" / "objects" / "evaluation").glob("*/answers.jsonl")
    rows = [json.loads(line) for line in place.read_text("utf-8").splitlines()]
    assert [row["answer"] for row in rows] == ["offer", "docs"]
    assert set(rows[0]["said"]) == {"linear", "kind"}
    assert {"report.md", "report.html", "report.json"} <= {
        one.name for one in (place.parent / "zh").iterdir()
    }

    (with_index / "quiz.yaml").write_text(QUIZ.replace("answer: offer", "answer: docs"), "utf-8")
    assert catenary(with_index, "run", "evaluations.quiz").code == 0  # another task is another evaluation
    assert len(list((with_index / ".catenary" / "objects" / "evaluation").glob("*/answers.jsonl"))) == 2
