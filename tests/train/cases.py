"""Small training runs, used by several tests and by the children of `killed.py`."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np

from catenary.digest import digest, file_sha256
from catenary.models import configure
from catenary.progress import SILENT
from catenary.tokenizer import TokenizerSettings, load, save, train
from catenary.train import (
    ClassifySettings,
    MaskedLMSettings,
    TrainSettings,
    finetune_classifier,
    pretrain,
    pretrain_causal,
)
from catenary.train.loop import Fit, fit
from catenary.train.weights import weights_sha256

from .toy import Toy, ToyObjective, data
from .toy import settings as toy_settings


def outcome(model: object, told: Fit) -> str:
    """Weights and losses, bit for bit."""
    return digest([weights_sha256(dict(model.state_dict())), told.losses, told.tokens])


def interrupt() -> None:
    """Ctrl-C, to this very thread: one sent to the process may be taken up by another thread, and later."""
    signal.raise_signal(signal.SIGINT)


def toy(folder: Path) -> str:
    """The loop alone, writing a checkpoint after almost every step."""
    chosen = toy_settings(epochs=8, monitor="loss", ema=0.95)
    model = Toy()
    told = fit(
        model,
        data(chosen),
        ToyObjective(),
        chosen,
        state=folder,
        validate=lambda m: {"loss": float(m.head.bias.detach().abs().sum())},
        checkpoint_seconds=0.001,
    )
    return outcome(model, told)


def reviews(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts whose words tell the label."""
    random = np.random.default_rng(seed)
    words = {"good": "很好看喜欢推荐满意", "bad": "太差劲失望退货垃圾"}
    labels = [["bad", "good"][i] for i in random.integers(0, 2, count)]
    texts = [
        "".join(
            random.permutation(
                [*random.choice(list(words[label]), 4), *random.choice(list("这本书酒店房间手机"), 8)]
            )
        )
        for label in labels
    ]
    return texts, labels


def settings(**changed: object) -> TrainSettings:
    values = {"epochs": 4, "batch_size": 16, "learning_rate": 5e-3, "dropout": 0.1}
    return TrainSettings(**{**values, **changed})


def config(tokenizer: Path) -> object:
    return configure(
        "bert",
        None,
        vocab_size=load(tokenizer).vocab_size,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
    )


def pretrained(folder: Path, **rest: object) -> object:
    """`folder/base`, and the tokenizer it needs."""
    texts, _ = reviews(300)
    if not (folder / "tokenizer").exists():
        save(train(texts, TokenizerSettings(kind="char")), folder / "tokenizer")
    return pretrain(
        texts,
        folder / "tokenizer",
        config(folder / "tokenizer"),
        settings(),
        folder / "base",
        masking=MaskedLMSettings(mask_rate=0.2, embeddings="cooccurrence"),
        valid=reviews(50, seed=1)[0],
        **rest,
    )


def causal(folder: Path) -> str:
    """A decoder on a packed stream, whose tokens are cut anew or found in the state folder."""
    texts, _ = reviews(300)
    if not (folder / "tokenizer").exists():
        save(train(texts, TokenizerSettings(kind="char")), folder / "tokenizer")
    vocabulary = load(folder / "tokenizer")
    config = configure(
        "llama",
        None,
        vocab_size=vocabulary.vocab_size,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        bos_token_id=vocabulary.bos_id,
        eos_token_id=vocabulary.eos_id,
    )
    chosen = settings(batch_size=None, batch_tokens=128, optimiser="muon", accumulate=2, epochs=3)
    pretrain_causal(
        texts,
        folder / "tokenizer",
        config,
        chosen,
        folder / "writer",
        valid=reviews(50, seed=1)[0],
        state=folder / "state",
        checkpoint_seconds=0.001,
    )
    return digest(
        [file_sha256(folder / "writer" / name) for name in ("model.safetensors", "exposures.parquet")]
    )


def finetuned(
    folder: Path,
    out: Path | None = None,
    classify: ClassifySettings | None = None,
    state: Path | None = None,
    progress: object = SILENT,
    checkpoint_seconds: float = 15.0,
    **changed: object,
) -> object:
    """`folder/classifier`, from `folder/base`."""
    return finetune_classifier(
        folder / "base",
        *reviews(300),
        settings(**{"epochs": 2, **changed}),
        out or folder / "classifier",
        classify=classify or ClassifySettings(),
        valid=reviews(50, seed=1),
        state=state,
        progress=progress,
        checkpoint_seconds=checkpoint_seconds,
    )


def chain(folder: Path) -> str:
    """Both, one after the other, from what the folder holds of earlier attempts."""
    if not (folder / "base/training.json").exists():
        pretrained(folder, state=folder / "state-base", checkpoint_seconds=0.001)
    finetuned(folder, state=folder / "state-classifier", checkpoint_seconds=0.001)
    return digest([file_sha256(folder / name / "model.safetensors") for name in ("base", "classifier")])
