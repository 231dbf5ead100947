"""Tiny models that write, with a tokenizer that knows Chinese, as folders."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from catenary.models import build, configure, save
from catenary.models.config import HeadName

TEXTS = ["悬链是两端固定的链。", "The chain hangs between two ends.", '{"a": 1, "b": "好"}'] * 3
SPECIALS = ["<bos>", "<eos>", "<pad>"]


def byte_tokenizer(size: int = 300) -> Tokenizer:
    """Byte-level BPE: most Chinese characters are two or three tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def write_writer(folder: Path, family: str = "llama", **settings: object) -> Path:
    """A random model with `byte_tokenizer`, its weights wide enough that its texts differ."""
    tokenizer = byte_tokenizer()
    more: dict[str, object] = {"decoder_start_token_id": 2} if family in ("t5", "marian", "bart") else {}
    sizes: dict[str, object] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 96,
        "initializer_range": 0.4,
    }
    config = configure(
        family,
        vocab_size=tokenizer.get_vocab_size(),
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        **{**sizes, **more, **settings},
    )
    save(build(config, "seq2seq" if more else "clm", seed=3), folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>", "eos_token": "<eos>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


def write_reader(folder: Path, head: HeadName) -> Path:
    """A random BERT that labels, tags or embeds, with `byte_tokenizer`."""
    tokenizer = byte_tokenizer()
    config = configure(
        "bert",
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=96,
        initializer_range=0.4,
        pad_token_id=2,
    )
    labels = {"classify": ["a", "b", "c"], "tag": ["O", "B-per", "I-per"]}.get(head)
    save(build(config, head, labels=labels, seed=3), folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    return folder
