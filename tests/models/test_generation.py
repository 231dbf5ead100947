"""Greedy generation through our cache, token for token against `transformers`' own `generate`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models import FAMILIES, Cache, Model, load, save
from tests.models.reference import random_reference, reload, token_ids
from tests.models.test_families import CONFIGS

NEW = 12
WRITERS = [
    variant
    for variant, config in CONFIGS.items()
    if FAMILIES[config.model_type].heads.keys() & {"clm", "seq2seq"}
]


def writer(variant: str, folder: Path) -> tuple[Model, object]:
    config = CONFIGS[variant]
    heads = FAMILIES[config.model_type].heads
    reference = random_reference(heads["clm" if "clm" in heads else "seq2seq"].architecture, config)
    reference.save_pretrained(folder)
    return load(folder), reference


@torch.no_grad()
def greedy(model: Model, ids: Tensor) -> Tensor:
    """The NEW likeliest tokens after `ids`, each from the cache and the token before."""
    written = ids
    if model.config.kind == "encoder-decoder":
        start = model.config.decoder_start_token_id
        assert start is not None
        written = torch.full((ids.shape[0], 1), start)
    cache = model.empty_cache(rows=ids.shape[0], capacity=written.shape[1] + NEW)
    new = written
    for _ in range(NEW):
        if model.config.kind == "encoder-decoder":
            output = model(ids, decoder_input_ids=new, cache=cache)
        else:
            output = model(new, cache=cache)
        new = output.logits[:, -1:].argmax(dim=-1)
        written = torch.cat([written, new], dim=1)
    return written


@pytest.mark.parametrize("variant", WRITERS)
def test_greedy_generation_is_the_same_token_for_token(variant: str, tmp_path: Path) -> None:
    """Ours from their folder, and theirs from the folder that we write."""
    model, reference = writer(variant, tmp_path / "theirs")
    save(model, tmp_path / "ours")
    again = reload(tmp_path / "ours", type(reference).__name__)
    ids = token_ids(2, 9)
    written = greedy(model, ids)
    for theirs in (reference, again):
        expected = theirs.generate(  # type: ignore[attr-defined]
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW,
            min_new_tokens=NEW,
            do_sample=False,
            num_beams=1,
            eos_token_id=None,
            suppress_tokens=None,
            use_cache=model.config.family
            != "t5",  # theirs counts the encoder's layers when it makes T5's cache
        )
        assert torch.equal(written, expected)


def test_a_cache_can_be_cut_back_and_rows_chosen(tmp_path: Path) -> None:
    model, _ = writer("llama", tmp_path)
    ids = token_ids(3, 8)
    with torch.no_grad():
        cache = Cache.empty(model.config, rows=3, capacity=20)
        model(ids, cache=cache)
        model(token_ids(3, 4, seed=7), cache=cache)  # a draft
        cache.truncate(8)
        chosen = cache.select(torch.tensor([2, 0]))
        got = model(ids[[2, 0], :3], cache=chosen).logits
        expected = model(torch.cat([ids[[2, 0]], ids[[2, 0], :3]], dim=1)).logits[:, 8:]
    assert torch.allclose(got, expected, atol=1e-5)


def test_a_full_cache_says_so(tmp_path: Path) -> None:
    model, _ = writer("llama", tmp_path)
    with pytest.raises(InvalidInput, match="room"):
        model(token_ids(1, 9), cache=Cache.empty(model.config, rows=1, capacity=8))


def test_rows_padded_on_the_left_go_on_as_if_alone(tmp_path: Path) -> None:
    model, _ = writer("qwen2", tmp_path)
    ids = token_ids(2, 9)
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)
    with torch.no_grad():
        cache = Cache.empty(model.config, rows=2, capacity=10)
        model(ids, mask, position_ids=places, cache=cache)
        mask = torch.cat([mask, torch.ones(2, 1, dtype=torch.long)], dim=1)
        got = model(torch.tensor([[7], [7]]), mask, position_ids=places[:, -1:] + 1, cache=cache).logits[1, 0]
        alone = model(torch.cat([ids[1:, 4:], torch.tensor([[7]])], dim=1)).logits[0, -1]
    assert torch.allclose(got, alone, atol=1e-5)
