"""What others made becomes a folder of our own: whole, checked, and without anything that could run."""

from __future__ import annotations

import pickle
from pathlib import Path

import gguf
import pytest
import torch

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.models import adopt, build, configure, load, model_files, save
from tests.models.reference import random_reference, token_ids
from tests.models.test_families import CONFIGS
from tests.models.test_gguf import write_gguf
from tests.models.test_model import TINY


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    save(build(configure("bert", **TINY), "classify", labels=["坏", "好"], seed=1), folder)
    (folder / "modeling_trap.py").write_text("raise SystemExit")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps([]))
    (folder / "vocab.txt").write_text("a\nb\n")
    return folder


@pytest.mark.parametrize("shard_bytes", [5_000_000_000, 20_000])
def test_a_folder_is_copied_bit_by_bit(theirs: Path, tmp_path: Path, shard_bytes: int) -> None:
    save(load(theirs), theirs, max_shard_bytes=shard_bytes)
    told = adopt(theirs, tmp_path / "ours")
    assert told["family"] == "bert"
    assert told["head"] == "classify"
    assert told["labels"] == ["坏", "好"]
    taken = {path.name for path in (tmp_path / "ours").iterdir()}
    assert taken == set(model_files(theirs))
    assert not {"modeling_trap.py", "pytorch_model.bin"} & taken
    for name in taken:
        assert (tmp_path / "ours" / name).read_bytes() == (theirs / name).read_bytes()


def test_a_gguf_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(
        path, random_reference("LlamaForCausalLM", CONFIGS["llama"]), "llama", gguf.GGMLQuantizationType.F32
    )
    with pytest.raises(InvalidInput):  # this one has no tokenizer
        adopt(path, tmp_path / "ours")
    assert model_files(path) == ["model.gguf"]


def test_a_sentence_embedding_keeps_its_pooling(tmp_path: Path) -> None:
    model = build(configure("bert", **TINY, embedding_pooling="first"), "embed", seed=1).eval()
    save(model, tmp_path / "theirs")
    adopt(tmp_path / "theirs", tmp_path / "ours")
    ids = token_ids()
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "ours")(ids).logits, model(ids).logits)


def test_what_is_not_whole_is_not_adopted(theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        adopt(tmp_path / "nowhere", tmp_path / "ours")
    weights = theirs / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(Damaged, match=r"model\.safetensors"):
        adopt(theirs, tmp_path / "ours")
    weights.unlink()
    with pytest.raises(InvalidInput, match=r"pytorch_model\.bin"):
        adopt(theirs, tmp_path / "ours")
