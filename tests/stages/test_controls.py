"""The controls as links of a chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.errors import InvalidInput
from catenary.stages import STAGES
from catenary.store import Artifact, Store
from tests.chain.craft import Quiet
from tests.models.baselines.people_daily import characters_and_entities, words_and_classes
from tests.models.baselines.reviews import labelled_reviews

HEAD = """\
schema: 1
project: {name: controls, languages: [zh]}
"""
NEWS = (
    HEAD
    + """\
sources:
  news: {path: news.jsonl, licence: MIT}
datasets:
  news: {from: [news], steps: [normalise], split: {valid: 0.2, test: 0.2, seed: 1}}
models:
  counted: {family: hmm, task: tag, from: news}
"""
)


REVIEWS = (
    HEAD
    + """\
sources:
  reviews: {path: reviews, files: {negative: bad.txt, positive: good.txt}, format: lines, licence: MIT}
datasets:
  reviews: {from: [reviews], steps: [normalise], split: {valid: 0.2, test: 0.2, seed: 1}}
tokenizers:
  zh: {from: reviews, kind: char}
models:
  trigram: {family: ngram, from: reviews, tokenizer: zh}
  linear: {family: linear, from: reviews}
  gru: {family: gru, from: reviews, tokenizer: zh, hidden_size: 16, embedding_size: 16, steps: 30}
  lstm: {family: lstm, task: classify, from: reviews, tokenizer: zh, hidden_size: 16, steps: 40}
evaluations:
  quality:
    of: [linear, lstm]
    on: reviews.test
    robustness: [homophones, spacing]
    synonyms: {好: [佳, 妙], 不错: [尚可]}
    fairness: {zh: [gender, region]}
  fluency: {of: [trigram, gru], on: reviews.test, metrics: [perplexity, bits_per_byte]}
"""
)


def made(folder: Path, chain: str) -> dict[str, Artifact]:
    """link → what it became"""
    (folder / "catenary.yaml").write_text(chain, "utf-8")
    with Store.open(Home.of(folder, {})) as store:
        done = run(plan(load(folder / "catenary.yaml", STAGES), store), store, Quiet())
        return {outcome.step.link.name: outcome.artifact for outcome in done}


def test_the_hidden_markov_tagger(tmp_path: Path) -> None:
    sentences, tags = characters_and_entities(words_and_classes())
    lines = [
        json.dumps({"tokens": sentence, "tags": row}, ensure_ascii=False)
        for sentence, row in zip(sentences[:1500], tags[:1500], strict=True)
    ]
    (tmp_path / "news.jsonl").write_text("\n".join(lines), "utf-8")
    report = made(tmp_path, NEWS)["counted"].manifest.report
    assert set(report["tags"]) == {"O", "B-nr", "I-nr", "B-ns", "I-ns", "B-nt", "I-nt"}
    assert report["valid"]["accuracy"] > 0.9


def test_recurrent_models_beside_the_other_controls(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    for label, name in (("negative", "bad"), ("positive", "good")):
        texts = [text for text, given in labelled_reviews()[:400] if given == label]
        (tmp_path / "reviews" / f"{name}.txt").write_text("\n".join(texts), "utf-8")
    links = made(tmp_path, REVIEWS)
    gru, trigram = (links[name].manifest.report for name in ("gru", "trigram"))
    assert gru["valid"]["tokens"] == trigram["valid"]["tokens"]
    assert 0 < gru["valid"]["bits per byte"] < 8
    assert links["lstm"].manifest.report["labels"] == ["negative", "positive"]
    quality = links["quality"].manifest.report
    assert quality["metrics"].keys() == {"linear", "lstm"}
    assert quality["control"] == "linear"
    probed = {
        "robustness_homophones",
        "robustness_substitution",
        "robustness_spacing",
        "gap_zh_gender",
        "gap_zh_region",
    }
    for model in ("linear", "lstm"):
        figures = quality["metrics"][model]
        assert probed < figures.keys()
        assert all(figures[one]["low"] <= figures[one]["value"] <= figures[one]["high"] for one in probed)
        assert figures["gap_zh_region"]["value"] >= 0
    page = links["quality"].path / "zh"
    assert "这位河南人" in (page / "report.md").read_text("utf-8")
    assert "稳健性" in (page / "report.html").read_text("utf-8")
    told = json.loads((page / "report.json").read_text("utf-8"))["probes"]["lstm"]
    assert {one["group"] for one in told["fairness"]} == {"gender", "region"}
    assert told["robustness"]["homophones"]["test"] == "mcnemar_exact"
    fluency = links["fluency"].manifest.report
    assert fluency["metrics"]["gru"].keys() == {"perplexity", "bits_per_byte"}
    assert fluency["comparisons"][0]["second"] == "trigram"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("bidirectional: true, steps: 30", "bidirectional"),
        ("size: huge, steps: 30", "size"),
        ("steps: 30, epochs: 2", "epochs"),
    ],
)
def test_recurrent_settings_that_cannot_be(wrong: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "catenary.yaml").write_text(REVIEWS.replace("steps: 30", wrong), "utf-8")
    with pytest.raises(InvalidInput, match=told):
        load(tmp_path / "catenary.yaml", STAGES)


def test_what_is_no_classifier_is_not_probed(tmp_path: Path) -> None:
    probed = REVIEWS.replace("bits_per_byte]}", "bits_per_byte], fairness: {zh: [gender]}}")
    (tmp_path / "catenary.yaml").write_text(probed, "utf-8")
    with pytest.raises(InvalidInput, match="Robustness and fairness"):
        load(tmp_path / "catenary.yaml", STAGES)


def test_a_family_that_there_is_not_names_all_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "catenary.yaml").write_text(NEWS.replace("family: hmm", "family: hhm"), "utf-8")
    with pytest.raises(InvalidInput, match="did you mean `hmm`") as caught:
        load(tmp_path / "catenary.yaml", STAGES)
    assert {"bert", "hmm", "linear", "ngram"} <= set(str(caught.value).replace(",", " ").split())


def test_a_chain_may_name_every_disturbance_and_group_that_there_is() -> None:
    from catenary.evaluate.counterfactual import GROUPS
    from catenary.evaluate.disturb import KINDS
    from catenary.evaluate.wording import disturbance_title, group_title
    from catenary.stages.evaluate import Disturbance, Group

    assert set(get_args(Disturbance)) == set(KINDS)
    assert all(set(get_args(Group)) == set(of) for of in GROUPS.values())
    assert all(map(disturbance_title, KINDS))
    assert all(map(group_title, get_args(Group)))
