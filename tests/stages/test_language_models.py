"""Language models in a chain: the n-gram control, a decoder, the decoder read on, and one evaluation of all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.chain.stage import Known
from catenary.chain.trace import Node, trace
from catenary.config import Home
from catenary.data.shards import read_split
from catenary.errors import CatenaryError, InvalidInput
from catenary.stages import STAGES
from catenary.stages.exposure import exposure
from catenary.stages.reading import reading_of
from catenary.store import Store
from catenary.train.exposures import steps_with
from tests.chain.craft import Quiet

CHAIN = """\
schema: 1
project: {name: fluency, languages: [zh]}
sources:
  lines: {path: data, files: ["*.txt"], format: lines, licence: MIT}
datasets:
  lines: {from: [lines], steps: [normalise], split: {valid: 0.1, test: 0.2, seed: 1}}
tokenizers:
  zh: {from: lines, kind: char, vocab_size: 100}
models:
  bigram: {family: ngram, order: 2, from: lines, tokenizer: zh}
  writer:
    {family: llama, size: nano, from: lines, tokenizer: zh, hidden_size: 32, num_hidden_layers: 1,
     num_attention_heads: 2, intermediate_size: 64, steps: 60, batch_tokens: 512, learning_rate: 0.01}
  more: {init: writer, objective: clm, from: lines, steps: 20, batch_tokens: 512}
  reader:
    {family: roberta, size: nano, from: lines, tokenizer: zh, hidden_size: 32, num_hidden_layers: 1,
     num_attention_heads: 2, intermediate_size: 64, steps: 20, batch_tokens: 512}
evaluations:
  fluency: {of: [bigram, writer, more], on: lines.test, metrics: [perplexity, bits_per_byte]}
"""


def lines(count: int) -> list[str]:
    """Lines whose second half repeats the first: a bigram model cannot know it."""
    random = np.random.default_rng(0)
    letters = list("春夏秋冬风花雪月山水云雨")
    halves = ["".join(random.choice(letters, 5)) for _ in range(count)]
    return [half + half for half in halves]


def chain(folder: Path, text: str = CHAIN) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data/lines.txt").write_text("".join(f"{line}\n" for line in lines(600)), "utf-8")
    path = folder / "catenary.yaml"
    path.write_text(text, "utf-8")
    return path


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


@pytest.mark.slow
def test_language_models_are_measured_beside_their_control(tmp_path: Path) -> None:
    path = chain(tmp_path)
    with Store.open(Home.of(tmp_path, {})) as store:
        made = {
            one.step.link.full_name: one.artifact
            for one in run(plan(load(path, STAGES), store), store, Quiet())
        }
        assert not store.verify()
        # What planning reads off the files is what training then read.
        known = Known(None, made["datasets.lines"]), Known(None, made["tokenizers.zh"])
        reading = reading_of([known[0]], known[1])
        assert reading.documents == made["models.writer"].manifest.report["documents"]
        steps_in_pass = -(-reading.tokens // 512)
        told = made["models.writer"].manifest.report["tokens"]
        assert told == pytest.approx(60 * reading.tokens / steps_in_pass, rel=0.02)
        assert reading.tokens == pytest.approx(11 * reading.documents, rel=0.02)
        # One document, from the lineage down to the step in which each model first saw it.
        dataset = made["datasets.lines"]
        for split, seen in (("train", True), ("test", False)):
            id = read_split(dataset.path, split, ["id"]).column("id")[7].as_py()
            tree = trace(store, f"doc:{id}", down=True, exposure=lambda *asked: exposure(store, *asked))
            told = {one.title: one.facts[0] for one in nodes(tree) if one.kind == "model" and not one.seen}
            for name in ("models.writer", "models.more", "models.reader"):
                steps = steps_with(made[name].path, 7)[0]
                assert (f"seen from step {steps[0]} of" in told[name]) == seen
            assert "step" not in told["models.bigram"]
    report = made["evaluations.fluency"].manifest.report
    assert report["control"] == "bigram"
    figures = {name: {k: v["value"] for k, v in one.items()} for name, one in report["metrics"].items()}
    assert figures["writer"]["perplexity"] < figures["bigram"]["perplexity"]
    assert figures["writer"]["bits_per_byte"] < figures["bigram"]["bits_per_byte"]
    # What training measured on the validation split is what scoring finds, on about the same text.
    valid = made["models.writer"].manifest.report["valid"]["perplexity"]
    assert figures["writer"]["perplexity"] == pytest.approx(valid, rel=0.1)
    assert abs(figures["more"]["perplexity"] - figures["writer"]["perplexity"]) < 1
    assert made["models.reader"].manifest.report["valid"]["loss"] > 0


LEAKING = """\
schema: 1
project: {name: leaks, languages: [zh]}
sources:
  lines: {path: data, files: ["*.txt"], format: lines, licence: MIT}
datasets:
  lines: {from: [lines], steps: [], split: {valid: 0.1, test: 0.3, seed: 1}}
tokenizers:
  zh: {from: lines, kind: char, vocab_size: 100}
indexes:
  spans: {from: lines, tokenizer: zh}
models:
  bigram: {family: ngram, order: 2, from: lines, tokenizer: zh}
  writer:
    {family: llama, size: nano, from: lines, tokenizer: zh, hidden_size: 64, num_hidden_layers: 1, epochs: 200,
     num_attention_heads: 2, intermediate_size: 64, batch_tokens: 1024, learning_rate: 0.01}
evaluations:
  clean:
    {of: [bigram, writer], on: lines.test, metrics: [perplexity], contamination: spans, memorisation: spans}
"""


@pytest.mark.slow
def test_what_leaked_is_a_figure_for_gates(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    random = np.random.default_rng(0)
    letters = list("春夏秋冬风花雪月山水云雨")
    half = ["".join(random.choice(letters, 55)) for _ in range(20)]
    told = [
        f"{a}{b}\n" for a in half[:10] for b in half[10:]
    ]  # whoever has read some has read the others' parts
    (tmp_path / "data/lines.txt").write_text("".join(told), "utf-8")
    (tmp_path / "catenary.yaml").write_text(LEAKING, "utf-8")
    with Store.open(Home.of(tmp_path, {})) as store:
        made = {
            one.step.link.full_name: one.artifact
            for one in run(plan(load(tmp_path / "catenary.yaml", STAGES), store), store, Quiet())
        }
    clean = made["evaluations.clean"]
    figures = clean.manifest.report["metrics"]
    assert figures["bigram"]["contamination"] == figures["writer"]["contamination"]
    assert figures["writer"]["contamination"]["value"] == 1.0
    assert "memorisation" not in figures["bigram"]
    by_heart = figures["writer"]["memorisation"]
    assert by_heart["n"] == made["datasets.lines"].manifest.report["splits"]["train"]
    assert by_heart["low"] <= by_heart["value"] <= by_heart["high"]
    assert "背诵" in (clean.path / "leaks/zh/report.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "writer: {family: llama, objective: mlm, from: lines, tokenizer: zh}",
            "does not learn by this objective",
        ),
        ("writer: {family: llama, mask_rate: 0.2, from: lines, tokenizer: zh}", "Nothing is masked"),
        ("writer: {family: llama, embeddings: word2vec, from: lines, tokenizer: zh}", "embeddings: word2vec"),
        ("writer: {family: llama, from: lines}", "needs a tokenizer"),
        ("writer: {family: llama, batch_size: 8, from: lines, tokenizer: zh}", "packs documents"),
        (
            "writer: {family: llama, from: lines, tokenizer: zh, train: {processes: 2}}",
            "as many parts as processes",
        ),
        ("writer: {init: bigram, objective: clm, hidden_size: 64, from: lines}", "has its shape"),
        ("writer: {init: bigram, family: llama, objective: clm, from: lines}", "Set either family"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(tmp_path: Path, line: str, told: str) -> None:
    models = CHAIN.index("  writer:")
    with pytest.raises(InvalidInput, match=told):
        load(chain(tmp_path, CHAIN[:models] + f"  {line}\n"), STAGES)


def test_how_many_processes_is_no_part_of_the_recipe(tmp_path: Path) -> None:
    def id_with(how: str) -> str:
        text = CHAIN.replace("steps: 60,", f"steps: 60, accumulate: 2, {how}")
        with Store.open(Home.of(tmp_path, {})) as store:
            return plan(load(chain(tmp_path, text), STAGES), store)["models.writer"].id

    assert id_with("") == id_with("train: {processes: 2},")
    assert id_with("") != id_with("ema: 0.9,")


def test_a_run_that_diverges_names_the_documents_of_its_last_step(tmp_path: Path) -> None:
    text = CHAIN.replace("steps: 60,", "steps: 60, optimiser: sgd, clip: 1.0e+30, warmup: 0.0,").replace(
        "learning_rate: 0.01", "learning_rate: 1.0e+30"
    )
    with Store.open(Home.of(tmp_path, {})) as store:
        planned = plan(load(chain(tmp_path, text), STAGES), store)
        with pytest.raises(CatenaryError, match="diverged") as caught:
            run(planned, store, Quiet(), only=["writer"])
        dataset = store.get(planned["datasets.lines"].id)
    ids = read_split(dataset.path, "train", ["id"]).column("id").to_pylist()
    rows = caught.value.documents[-1]
    assert f"doc:{ids[rows[0]]}" in str(caught.value)
