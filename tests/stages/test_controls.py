"""The controls as links of a chain."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_a_family_that_there_is_not_names_all_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "catenary.yaml").write_text(NEWS.replace("family: hmm", "family: hhm"), "utf-8")
    with pytest.raises(InvalidInput, match="did you mean `hmm`") as caught:
        load(tmp_path / "catenary.yaml", STAGES)
    assert {"bert", "hmm", "linear", "ngram"} <= set(str(caught.value).replace(",", " ").split())
