"""A decoder as a GGUF file: read back it is the same model, and llama.cpp writes the same tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from catenary import models
from catenary.compress.gguf_export import GGUF_FILE, GgufPrecision, write_gguf
from catenary.compress.probe import probe
from catenary.errors import InvalidInput
from catenary.models.gguf_file import read_gguf
from catenary.models.gguf_tokenizer import read_tokenizer
from catenary.tokenizer import TokenizerSettings, save, train

TEXTS = ["the cat sat on the mat", "a dog ran to the house", "the house is on the hill, the cat is not"] * 20


@pytest.fixture(scope="module", params=["llama", "qwen2", "qwen3", "gpt2"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp(request.param)
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(ByteLevel.alphabet())
    special = ["<|endoftext|>"]
    tokenizer.train_from_iterator(
        TEXTS,
        BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=special, show_progress=False),
    )
    groups = {} if request.param == "gpt2" else {"num_key_value_heads": 2}
    config = models.configure(
        request.param, vocab_size=tokenizer.get_vocab_size(), hidden_size=64, num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128, max_position_embeddings=64, initializer_range=0.2, **groups,
        **({"head_dim": 16} if request.param in ("llama", "qwen3") else {}),
    )  # fmt: skip
    models.save(models.build(config, "clm", seed=5).eval(), folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}')
    return folder


@pytest.mark.parametrize(
    ("precision", "near"), [("none", 1e-5), ("fp16", 0.02), ("bf16", 0.15), ("int8", 0.15)]
)
def test_read_back_it_is_the_same_model(
    decoder: Path, precision: GgufPrecision, near: float, tmp_path: Path
) -> None:
    model = models.load(decoder).float()
    for name in ("one.gguf", "two.gguf"):
        write_gguf(model, decoder, tmp_path / name, precision)
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()
    again = models.load(tmp_path / "one.gguf").float()
    ids_BT = torch.tensor([[5, 9, 100, 31, 7]])
    with torch.inference_mode():
        assert (again(ids_BT).logits - model(ids_BT).logits).abs().max() <= near * model(
            ids_BT
        ).logits.abs().max()


def test_the_tokenizer_is_in_the_file(decoder: Path, tmp_path: Path) -> None:
    from catenary.inference.folder import read_tokenizer as of_folder

    write_gguf(models.load(decoder).float(), decoder, tmp_path / "one.gguf")
    inside = read_tokenizer(read_gguf(tmp_path / "one.gguf"))
    whole = of_folder(decoder)
    for text in TEXTS[:3]:
        assert (
            inside.encode(text, add_special_tokens=False).ids
            == whole.encode(text, add_special_tokens=False).ids
        )


@pytest.mark.slow
def test_llama_cpp_writes_what_we_do(decoder: Path, tmp_path: Path) -> None:
    write_gguf(models.load(decoder).float(), decoder, tmp_path / GGUF_FILE)
    rows = [[5, 9, 100, 31, 7], [44, 45], [3, 200, 17, 17]]
    assert probe(tmp_path, "llama.cpp", rows).answers == probe(decoder, "torch", rows).answers


def test_what_llama_cpp_does_not_know_is_refused(tmp_path: Path) -> None:
    config = models.configure("bert", "nano", vocab_size=100)
    with pytest.raises(InvalidInput, match="GGUF"):
        write_gguf(models.build(config, "mlm", seed=1), tmp_path, tmp_path / "model.gguf")


def test_a_tokenizer_that_llama_cpp_would_cut_otherwise_is_refused(tmp_path: Path) -> None:
    """Its name would be a guess, and texts would be read as other tokens without a word."""
    tokenizer = train(TEXTS, TokenizerSettings(kind="byte_bpe", vocab_size=300))
    save(tokenizer, tmp_path, frame="decoder")
    config = models.configure("llama", "nano", vocab_size=tokenizer.vocab_size)
    models.save(model := models.build(config, "clm", seed=1), tmp_path)
    with pytest.raises(InvalidInput, match="cuts texts"):
        write_gguf(model, tmp_path, tmp_path / "model.gguf")
