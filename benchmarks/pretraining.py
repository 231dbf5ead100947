"""Masked-LM pretraining: our loop against transformers' model and collator in a plain loop."""

from __future__ import annotations

from pathlib import Path

from benchmarks.sides import Side, race
from catenary.models import configure
from catenary.tokenizer import TokenizerSettings
from catenary.tokenizer import save as save_tokenizer
from catenary.tokenizer import train as train_tokenizer
from catenary.train import TrainSettings, pretrain

BATCH = 32
STEPS = 60


def pretraining(texts: list[str], folder: Path) -> None:
    """Tokens that are no padding, a second. Both take AdamW steps on the same texts."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, DataCollatorForLanguageModeling

    tokenizer = train_tokenizer(texts, TokenizerSettings(vocab_size=8000))
    config = configure("bert", "nano", vocab_size=tokenizer.vocab_size, pad_token_id=tokenizer.pad_id)
    save_tokenizer(tokenizer, folder / "tokenizer", "encoder")
    cut = AutoTokenizer.from_pretrained(folder / "tokenizer")
    rows = [
        cut(text, truncation=True, max_length=config.max_position_embeddings)["input_ids"] for text in texts
    ]
    collate = DataCollatorForLanguageModeling(cut, mlm_probability=0.15)
    theirs = BertForMaskedLM(
        BertConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            intermediate_size=config.intermediate_size,
            max_position_embeddings=config.max_position_embeddings,
        )
    ).train()
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=1e-3)

    def by_us() -> float:
        settings = TrainSettings(steps=STEPS, batch_tokens=1024, learning_rate=1e-3, dropout=0.1)
        return pretrain(texts, folder / "tokenizer", config, settings, folder / "ours")["tokens"]

    def by_transformers() -> float:
        tokens = 0
        for step in range(STEPS):
            some = rows[step * BATCH % len(rows) :][:BATCH]
            loss = theirs(**collate([{"input_ids": row} for row in some])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            tokens += sum(map(len, some))
        return tokens

    race(
        "pretraining: masked LM of a BERT of 2 × 128",
        "tokens",
        Side("catenary, tokenizing and saving included", by_us),
        Side(f"transformers, fp32, batches of {BATCH} padded to the longest", by_transformers),
        rounds=3,
    )
