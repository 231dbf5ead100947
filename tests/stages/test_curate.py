"""What datasets take from elsewhere in a chain: a tagger, reviewers' files, examples, models that translate back."""

from __future__ import annotations

import csv
import json
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.cli.review import command as review
from catenary.config import Home
from catenary.data import read_index, read_split
from catenary.errors import InvalidInput
from catenary.stages import STAGES
from catenary.store import Artifact, Store
from tests.chain.craft import Quiet

PEOPLE = ("王小明", "李红梅", "张伟", "赵国强", "陈晓东", "刘芳")
PLACES = ("北京", "上海", "广州", "成都", "武汉", "南京")
CHAIN = """
schema: 1
project: {name: people, languages: [zh]}
sources:
  tagged: {path: tagged.txt, format: word_tag, licence: MIT}
  raw: {path: raw.csv, label: label, licence: MIT}
datasets:
  tagged: {from: tagged, steps: []}
  clean:
    from: raw
    tagger: names
    reviewed: [anna.csv, bo.csv]
    steps: [reviewed, {redact: {kinds: [name, place]}}]
    split: {test: 0.2}
    augment: {copies: 2, swap: 0.3, labels: [rare]}
models:
  names: {family: hmm, task: tag, from: tagged}
"""


def written(folder: Path) -> Path:
    sentences = [
        f"{person}/nr 昨天/t 从/p {place}/ns 回来/v 了/u 。/w" for person in PEOPLE for place in PLACES
    ]
    sentences += [f"这/r 是/v 第/m {number}/m 次/q ，/w 回来/v 了/u 。/w" for number in range(40)]
    (folder / "tagged.txt").write_text("\n".join(sentences) + "\n", "utf-8")
    rows = [
        (f"{person}昨天从{place}回来了，这是第{number}次。", "rare" if number < 3 else "often")
        for number, (person, place) in enumerate(zip(PEOPLE * 5, PLACES * 5, strict=True))
    ]
    with (folder / "raw.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    for name in ("anna", "bo"):
        (folder / f"{name}.csv").write_text("id,label\n", "utf-8")
    (folder / "catenary.yaml").write_text(CHAIN, "utf-8")
    return folder / "catenary.yaml"


def made(path: Path, chain: str) -> Artifact:
    path.write_text(chain, "utf-8")
    with Store.open(Home.of(path.parent, {})) as store:
        done = run(plan(load(path, STAGES), store), store, Quiet())
        return {one.step.link.name: one.artifact for one in done}["clean"]


def label(rows: list[dict[str, str]], path: Path, rare: int) -> None:
    """What a reviewer gives back: all often but one."""
    with path.open("w", encoding="utf-8", newline="") as file:
        told = [(row["id"], "rare" if at == rare else "often") for at, row in enumerate(rows)]
        csv.writer(file).writerows([("id", "label"), *told])


def test_from_reviewers_to_a_dataset_without_names(tmp_path: Path) -> None:
    path = written(tmp_path)
    unreviewed = CHAIN.replace("    reviewed: [anna.csv, bo.csv]\n", "").replace("reviewed, ", "")
    first = made(path, unreviewed)
    texts = read_split(first.path, "train").column("text").to_pylist()
    assert not any(name in text for text in texts for name in (*PEOPLE, *PLACES))
    assert any("[NAME]" in text and "[PLACE]" in text for text in texts)
    report = first.manifest.report
    assert report["personal_data"] == {"name": 30, "place": 30}

    # Variants stand in the training split alone, beside originals with the rare label, and lead back to these.
    index = read_index(first.path).to_pylist()
    variants = [row for row in index if row["dropped"] is None and row["duplicate_of"]]
    originals = {row["id"]: row for row in index if not row["duplicate_of"]}
    assert variants
    assert all(row["split"] == originals[row["duplicate_of"]]["split"] == "train" for row in variants)
    assert {row["label"] for row in variants} == {"rare"}
    assert len(originals) == report["kept"] == 30
    assert report["steps"][-1]["notes"] == {"variants": len(variants)}

    # Two people label all of it, by the command; they differ on two documents.
    runner = CliRunner()
    asked = ["export", "clean", str(tmp_path / "tasks.csv"), "-f", str(path), "--blind"]
    told = runner.invoke(review, asked, catch_exceptions=False)
    assert told.exit_code == 0
    with (tmp_path / "tasks.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["id"] for row in rows} == set(originals)
    assert {row["label"] for row in rows} == {""}
    files = [tmp_path / "anna.csv", tmp_path / "bo.csv"]
    for at, reviewer in enumerate(files):
        label(rows, reviewer, rare=at)
    figures = json.loads(runner.invoke(review, ["agree", *map(str, files), "--json"]).output)
    assert (figures["agreed"], figures["disputed"]) == (28, 2)
    assert figures["kappa"] == pytest.approx(-1 / 29, abs=1e-3)
    assert "kappa" in runner.invoke(review, ["agree", *map(str, files)]).output

    second = made(path, CHAIN)
    assert second.id != first.id
    report = second.manifest.report
    assert report["review"] == {"agreed": 28, "disputed": 2, "kappa": figures["kappa"]}
    assert report["dropped"] == {"reviewed:disputed": 2}
    assert report["labels"] == {"often": 28}
    assert "kappa" in (second.path / "card.en.md").read_text("utf-8")
    label(rows, files[1], rare=0)  # another opinion is another dataset
    assert made(path, CHAIN).id != second.id


def test_good_and_bad_examples_and_the_executor(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "good.txt").write_text("".join(f"{name}昨天从外地回来了。\n" for name in PEOPLE * 5), "utf-8")
    (tmp_path / "bad.txt").write_text("加微信领取红包返利！！！\n" * 30, "utf-8")
    head = CHAIN.split("datasets:")[0]
    for kind in ("good", "bad"):
        head += f"  {kind}: {{path: {kind}.txt, format: lines, licence: MIT}}\n"
    scored = "datasets:\n  clean: {from: raw, good: good, bad: bad, steps: [score]}\n"
    made_here = made(path, head + scored)
    assert made_here.manifest.report["histograms"]["score"]["before"]
    assert "learned quality score" in (made_here.path / "card.en.html").read_text("utf-8")
    # Who does the work is no part of the recipe.
    on_ray = scored.replace("steps:", "executor: {ray: auto}, steps:")
    path.write_text(head + on_ray, "utf-8")
    with Store.open(Home.of(tmp_path, {})) as store:
        assert plan(load(path, STAGES), store)["datasets.clean"].id == made_here.id


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("clean: {from: raw, against: tagged}", "decontaminate"),
        ("clean: {from: raw, steps: [score], good: raw}", "good, bad"),
        ("clean: {from: raw, steps: [reviewed]}", "reviewed"),
        ("clean: {from: raw, back_translate: names}", "variants"),
        ("clean: {from: raw, tagger: nobody}", "nobody"),
        ("clean: {from: raw, augment: {copies: 1, synonyms: {好: []}}}", "synonym"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, line: str, word: str) -> None:
    path = written(tmp_path)
    path.write_text(CHAIN.split("  clean:")[0] + f"  {line}\nmodels:" + CHAIN.split("models:")[1], "utf-8")
    with pytest.raises(InvalidInput) as refusal:
        load(path, STAGES)
    assert word in str(refusal.value)


def test_a_dataset_and_its_tagger_in_a_circle(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(
        CHAIN.replace(
            "datasets:\n  tagged: {from: tagged,", "datasets:\n  tagged: {from: tagged, tagger: names,"
        ),
        "utf-8",
    )
    with pytest.raises(InvalidInput, match="in turn"):
        load(path, STAGES)


@pytest.mark.slow
def test_variants_that_went_through_models_of_the_chain(tmp_path: Path) -> None:
    """Two translators after one another, as there and back; these two write the first character twice."""
    rows = [{"source": a + b + c + d, "target": a * 2} for a, b, c, d in permutations("春夏秋冬风花", 4)]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "pairs.jsonl").write_text("".join(lines), "utf-8")
    (tmp_path / "words.txt").write_text("\n".join(row["source"] for row in rows[::20]) + "\n", "utf-8")
    shape = "hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64"
    chain = f"""
schema: 1
project: {{name: variants, languages: [zh]}}
sources:
  pairs: {{path: pairs.jsonl, licence: MIT}}
  words: {{path: words.txt, format: lines, licence: MIT}}
datasets:
  pairs: {{from: pairs, steps: []}}
  clean: {{from: words, steps: [], augment: {{copies: 1}}, back_translate: [there, back]}}
tokenizers:
  zh: {{from: pairs, kind: char, vocab_size: 50}}
models:
  there: {{family: marian, objective: translate, from: pairs, tokenizer: zh, {shape}, steps: 150, learning_rate: 0.005}}
  back: {{init: there, task: translate, from: pairs, steps: 5}}
"""
    index = read_index((done := made(tmp_path / "catenary.yaml", chain)).path).to_pylist()
    variants = [row for row in index if row["duplicate_of"]]
    assert len(variants) > 9
    texts = dict(zip(*read_split(done.path, "train", ["id", "text"]).to_pydict().values(), strict=True))
    assert all(len(set(texts[row["id"]])) < 4 for row in variants)  # written by the models, not by the user
    assert {row["duplicate_of"] for row in variants} <= texts.keys()
