"""Classifying texts: our int8 release against the same weights in transformers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.sides import Side, race
from catenary.compress import export
from catenary.inference import load
from catenary.models import build, configure, save
from catenary.tokenizer import TokenizerSettings
from catenary.tokenizer import save as save_tokenizer
from catenary.tokenizer import train as train_tokenizer

TEXTS = 512
BATCH = 32


def answering(texts: list[str], folder: Path) -> None:
    """`nano` weights as drawn: speed does not ask what they have learnt."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    trained, release = folder / "trained", folder / "release"
    tokenizer = train_tokenizer(texts, TokenizerSettings(vocab_size=8000))
    config = configure("bert", "nano", vocab_size=tokenizer.vocab_size, pad_token_id=tokenizer.pad_id)
    save(build(config, "classify", labels=["negative", "positive"], seed=1), trained)
    save_tokenizer(tokenizer, trained, "encoder")
    export(trained, release)
    asked = texts[:TEXTS]
    ours = load(release)
    theirs = AutoModelForSequenceClassification.from_pretrained(trained).eval()
    cut = AutoTokenizer.from_pretrained(trained)

    def by_us() -> float:
        return len(ours.classify(asked))

    def by_transformers() -> float:
        with torch.inference_mode():
            for start in range(0, len(asked), BATCH):
                batch = cut(
                    asked[start : start + BATCH],
                    padding=True,
                    truncation=True,
                    max_length=config.max_position_embeddings,
                    return_tensors="pt",
                    return_token_type_ids=False,
                )
                theirs(**batch).logits.softmax(-1)
        return len(asked)

    race(
        "answering: a BERT of 2 × 128 labels reviews",
        "texts",
        Side("catenary, int8 release", by_us),
        Side(f"transformers, fp32, batches of {BATCH} padded to the longest", by_transformers),
    )
