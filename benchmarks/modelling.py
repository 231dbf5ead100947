"""Forward and backward of a decoder: our core against the same weights in transformers; padded, and packed.

The model is the `small` Llama that training is measured on. Documents are the example's reviews in tokens.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.sides import Side, race
from catenary.models import build, configure, load, save
from catenary.tokenizer import TokenizerSettings
from catenary.tokenizer import train as train_tokenizer

TOKENS = 512
BATCH = 2
DOCUMENTS = 12  # so that a padded batch of them, on one core, takes seconds


def modelling(texts: list[str], folder: Path) -> None:
    """Real tokens a second; both sides in fp32, no optimiser."""
    import torch
    import torch.nn.functional as functional
    from transformers import LlamaForCausalLM

    tokenizer = train_tokenizer(texts, TokenizerSettings(vocab_size=8000))
    config = configure("llama", "small", vocab_size=tokenizer.vocab_size, pad_token_id=0)
    save(build(config, "clm", seed=1), folder)
    ours = load(folder).train()
    peers = {
        kind: LlamaForCausalLM.from_pretrained(folder, attn_implementation=kind).train()
        for kind in ("eager", "sdpa")
    }
    drawn = torch.randint(4, config.vocab_size, (BATCH, TOKENS), generator=torch.Generator().manual_seed(1))

    def loss_of(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())

    def by_us() -> float:
        loss_of(ours(drawn).logits, drawn).backward()
        return drawn.numel()

    for kind, peer in peers.items():

        def by_them(peer: LlamaForCausalLM = peer) -> float:
            loss_of(peer(input_ids=drawn, use_cache=False).logits, drawn).backward()
            return drawn.numel()

        race(
            f"modelling: Llama 17M, {BATCH} × {TOKENS} tokens, forward and backward",
            "tokens",
            Side("catenary", by_us),
            Side(f"transformers, {kind}", by_them),
            rounds=3,
        )

    rows = [ids for ids in (tokenizer.encode(text)[:TOKENS] for text in texts[:DOCUMENTS]) if len(ids) > 1]
    real = sum(map(len, rows))
    packed = torch.tensor([[token for row in rows for token in row]])
    borders = torch.tensor([0, *map(len, rows)]).cumsum(0)
    longest = max(map(len, rows))
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = (torch.arange(longest)[None] < torch.tensor([[len(row)] for row in rows])).long()

    def packed_by_us() -> float:
        loss_of(ours(packed, cu_seqlens=borders).logits, packed).backward()
        return real

    def padded_by_them() -> float:
        loss_of(peers["sdpa"](padded, attention_mask=mask, use_cache=False).logits, padded).backward()
        return real

    def padded_by_us() -> float:
        loss_of(ours(padded, mask).logits, padded).backward()
        return real

    title = f"modelling: Llama 17M, {len(rows)} reviews of {min(map(len, rows))}–{longest} tokens"
    ours_packed = Side("catenary, packed documents", packed_by_us)
    race(
        title,
        "tokens",
        ours_packed,
        Side("transformers, sdpa, padded to the longest", padded_by_them),
        rounds=3,
    )
    race(title, "tokens", ours_packed, Side("catenary, padded to the longest", padded_by_us), rounds=3)
