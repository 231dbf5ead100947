"""Taggers, readers, several labels, numbers and pairs in a chain: from records of a source to a measured model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.errors import InvalidInput
from catenary.inference.does import does
from catenary.inference.tag import load_tagger
from catenary.stages import STAGES
from catenary.store import Store
from tests.chain.craft import Quiet
from tests.train.test_heads import questions, sentences, several

SMALL = "hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64"
CHAIN = f"""\
schema: 1
project: {{name: heads, languages: [zh]}}
sources:
  tagged: {{path: data/tagged.jsonl, licence: MIT}}
  asked: {{path: data/asked.jsonl, licence: MIT}}
  topics: {{path: data/topics.jsonl, label: topics, licence: MIT}}
  prices: {{path: data/prices.jsonl, label: price, licence: MIT}}
datasets:
  tagged: {{from: [tagged], steps: [normalise], split: {{valid: 0.1, test: 0.2, seed: 1}}}}
  asked: {{from: [asked], steps: [], split: {{valid: 0.1, test: 0.2, seed: 1}}}}
  topics: {{from: [topics], steps: [], split: {{valid: 0.1, test: 0.2, seed: 1}}}}
  prices: {{from: [prices], steps: [], split: {{test: 0.2, seed: 1}}}}
tokenizers:
  zh: {{from: tagged, kind: char, vocab_size: 100}}
models:
  counted: {{family: hmm, task: tag, from: tagged, units: characters}}
  base: {{family: bert, size: nano, from: tagged, tokenizer: zh, {SMALL}, steps: 5, batch_tokens: 512}}
  names: {{init: base, task: tag, from: tagged, units: characters, steps: 150, batch_size: 16, learning_rate: 0.005}}
  nearest: {{family: match, task: read}}
  reader: {{init: base, task: read, from: asked, steps: 20, batch_size: 16}}
  topics: {{init: base, task: classify, kind: several, from: topics, steps: 20, batch_size: 16}}
  prices: {{init: base, task: classify, kind: number, from: prices, steps: 20, batch_size: 16}}
evaluations:
  names: {{of: [counted, names], on: tagged.test}}
  reading: {{of: [nearest, reader], on: asked.test, metrics: [exact]}}
  topics: {{of: [topics], on: topics.test}}
  prices: {{of: [prices], on: prices.test}}
releases:
  names: {{from: names, quantise: int8, formats: [safetensors, onnx, openvino], gates: [{{parity: 0.9}}]}}
"""


def chain(folder: Path, text: str = CHAIN) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    words, tags = sentences(300)
    texts, labels = several(150)
    records = {
        "tagged": [{"tokens": a, "tags": b} for a, b in zip(words, tags, strict=True)],
        "asked": [
            {
                "question": q.question,
                "context": q.context,
                "answers": {"text": [q.answer], "answer_start": [q.start]},
            }
            for q in questions(120)
        ],
        "topics": [{"text": a, "topics": b} for a, b in zip(texts, labels, strict=True)],
        "prices": [
            {"text": "好" * n + "的" * (9 - n) + str(i), "price": 10 + 2 * n}
            for i, n in enumerate(np.random.default_rng(0).integers(0, 10, 120).tolist())
        ],
    }
    for name, rows in records.items():
        (folder / f"data/{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    path = folder / "catenary.yaml"
    path.write_text(text, "utf-8")
    return path


def test_every_head_is_trained_and_measured_in_a_chain(tmp_path: Path) -> None:
    path = chain(tmp_path)
    with Store.open(Home.of(tmp_path, {})) as store:
        made = {
            one.step.link.full_name: one.artifact
            for one in run(plan(load(path, STAGES), store), store, Quiet())
        }
        assert not store.verify()
    reports = {
        name.removeprefix("evaluations."): one.manifest.report
        for name, one in made.items()
        if "evaluations" in name
    }
    assert reports["names"]["control"] == "counted"
    assert reports["names"]["metrics"]["names"]["entity_f1"]["value"] > 0.9
    assert set(reports["names"]["metrics"]["names"]) >= {"accuracy", "entity_precision", "entity_f1_loc"}
    assert list(reports["reading"]["metrics"]["reader"]) == ["exact"]
    assert set(reports["topics"]["metrics"]["topics"]) == {"f1_micro", "f1", "accuracy"}
    assert reports["prices"]["metrics"]["prices"]["mae"]["value"] < 10
    assert (made["evaluations.names"].path / "zh/report.md").read_text("utf-8").count("实体")
    released = made["releases.names"].path
    [gate] = made["releases.names"].manifest.report["gates"]
    assert gate["outcome"] == "passed"
    assert gate["evidence"]["n"] > 100
    assert does(released) == "tag"
    asked = [list(sentences(3)[0][0])]
    told = {name: tags_by(released, tmp_path / name, keep, asked) for name, keep in WEIGHTS.items()}
    assert len({str(one) for one in told.values()}) == 1, told


WEIGHTS = {"openvino": "openvino_model.*", "onnx": "model.onnx", "torch": "*.safetensors"}


def tags_by(released: Path, folder: Path, keep: str, asked: list[list[str]]) -> list[list[str]]:
    """What the release tags by one format's weights alone."""
    shutil.copytree(released, folder)
    kept = set(folder.glob(keep))
    for pattern in WEIGHTS.values():
        for file in set(folder.glob(pattern)) - kept:
            file.unlink()
    return load_tagger(folder).tag(asked)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("names: {init: base, task: tag, from: tagged, join: [nr]}", "no entities"),
        ("names: {init: base, task: classify, from: tagged, kind: number, focal: 2.0}", "do not go"),
        ("names: {init: base, task: classify, from: tagged, keep: ensemble}", "say nothing"),
        ("names: {init: base, task: classify, from: tagged, teacher: base}", "need a teacher"),
        ("names: {init: base, task: classify, from: tagged, folds: 3, kind: several}", "do not go"),
        ("names: {init: base, task: tags, from: tagged}", "task"),
        ("names: {init: base, task: tag, from: tagged, mlm_weight: 0.5}", "mlm_weight"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(tmp_path: Path, line: str, told: str) -> None:
    models = CHAIN.index("  names: {init")
    with pytest.raises(InvalidInput) as raised:
        load(chain(tmp_path, CHAIN[:models] + f"  {line}\n"), STAGES)
    assert told in str(raised.value)


def test_models_of_different_tasks_are_not_measured_side_by_side(tmp_path: Path) -> None:
    text = (
        CHAIN[: CHAIN.index("  names: {init")].replace("evaluations", "")
        + "evaluations:\n  both: {of: [counted, base], on: tagged.test}\n"
    )
    path = chain(tmp_path, text)
    with Store.open(Home.of(tmp_path, {})) as store, pytest.raises(InvalidInput, match="one task"):
        list(run(plan(load(path, STAGES), store), store, Quiet()))
