"""Packed batches give each document what it has alone, whatever the family."""

from __future__ import annotations

import pytest
import torch

from catenary.models import FAMILIES, load
from tests.models.reference import assert_near, random_reference, token_ids
from tests.models.test_families import CONFIGS

LENGTHS = (11, 3, 1, 8, 20)


@pytest.mark.parametrize("variant", CONFIGS)
def test_packed_equals_alone(variant: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = CONFIGS[variant]
    heads = FAMILIES[config.model_type].heads
    head = next(head for head in ("mlm", "clm", "seq2seq") if head in heads)
    folder = tmp_path_factory.mktemp("model")
    random_reference(heads[head].architecture, config).save_pretrained(folder)
    model = load(folder)
    ids = [token_ids(1, length, seed=length) for length in LENGTHS]
    borders = torch.tensor([0, *LENGTHS]).cumsum(0)
    with torch.no_grad():
        if head == "seq2seq":
            written = [token_ids(1, length + 2, seed=90 + length) for length in LENGTHS]
            alone = [model(i, decoder_input_ids=w).logits[0] for i, w in zip(ids, written, strict=True)]
            packed = model(
                torch.cat(ids, dim=1),
                cu_seqlens=borders,
                decoder_input_ids=torch.cat(written, dim=1),
                decoder_cu_seqlens=torch.tensor([0, *(length + 2 for length in LENGTHS)]).cumsum(0),
            )
        else:
            alone = [model(i).logits[0] for i in ids]
            packed = model(torch.cat(ids, dim=1), cu_seqlens=borders)
    scale = torch.cat(alone).abs().max().clamp(min=1.0)  # T5's logits are not scaled
    assert_near(packed.logits[0] / scale, torch.cat(alone) / scale, 1e-5)


def test_packed_gradients_equal_those_of_documents_alone() -> None:
    from catenary.models import build, configure

    model = build(configure("llama", "nano", vocab_size=61, num_key_value_heads=2), "clm", seed=1)
    ids = [token_ids(1, length, seed=length) for length in LENGTHS]
    for i in ids:
        model(i).logits.square().sum().backward()
    alone = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    model(
        torch.cat(ids, dim=1), cu_seqlens=torch.tensor([0, *LENGTHS]).cumsum(0)
    ).logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert alone[name] is not None
        scale = alone[name].abs().max()  # type: ignore[union-attr]
        assert_near(parameter.grad / scale, alone[name] / scale, 1e-4)


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_padded_gradients_equal_those_of_documents_alone(family: str) -> None:
    from catenary.models import build, configure

    model = build(
        configure(family, "nano", vocab_size=61, pad_token_id=0), "mlm" if family == "bert" else "clm", seed=1
    )
    model.eval()  # without dropout
    rows = [token_ids(1, length, seed=length) for length in LENGTHS]
    for row in rows:
        model(row).logits.square().sum().backward()
    alone = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    ids = torch.zeros(len(LENGTHS), max(LENGTHS), dtype=torch.int64)
    for i, row in enumerate(rows):
        ids[i, : row.shape[1]] = row
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    model(ids, mask.long()).logits[mask].square().sum().backward()
    scale = max(gradient.abs().max().item() for gradient in alone.values() if gradient is not None)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert alone[name] is not None
        assert_near(parameter.grad / scale, alone[name] / scale, 1e-5)


def test_padding_on_the_left_is_told_from_the_right() -> None:
    from catenary.models.documents import padded_borders

    assert padded_borders(torch.tensor([[0, 1], [1, 1]])) is None
    assert padded_borders(torch.tensor([[1, 0, 1], [1, 1, 1]])) is None
    borders = padded_borders(torch.tensor([[1, 0, 0], [1, 1, 1]]))
    assert borders is not None
    assert borders.tolist() == [0, 1, 3, 6]


def test_documents_that_do_not_fit_are_refused_in_training_too() -> None:
    """The compiled kernel would read and write beyond the tokens."""
    from catenary.errors import InvalidInput
    from catenary.models import build, configure

    model = build(configure("llama", "nano", vocab_size=61), "clm", seed=1)
    with pytest.raises(InvalidInput, match="document id"):
        model(token_ids(2, 5), document_ids=torch.zeros(2, 9, dtype=torch.int64))
    both = build(configure("bart", "nano", vocab_size=61), "seq2seq", seed=1)
    read, written = token_ids(1, 8), token_ids(1, 6, seed=2)
    for borders in (torch.tensor([0, 6]), None):
        with pytest.raises(InvalidInput, match="packed differently"):
            both(
                read,
                cu_seqlens=torch.tensor([0, 3, 8]),
                decoder_input_ids=written,
                decoder_cu_seqlens=borders,
            )
    with pytest.raises(InvalidInput, match="packed differently"):
        both(read, decoder_input_ids=written, decoder_cu_seqlens=torch.tensor([0, 2, 6]))


def test_a_mask_for_all_rows_masks_all_rows() -> None:
    """One row of a mask, or one that is too long, is no mask of borders."""
    from catenary.models import build, configure

    model = build(configure("bert", "nano", vocab_size=61), "mlm", seed=1).eval()
    ids, mask = token_ids(3, 8), (torch.arange(8) < 5).long()[None]
    with torch.no_grad():
        expected = model(ids, mask.expand(3, 8)).logits
    for given in (mask, mask.expand(3, 8)):
        assert_near(model(ids, given).logits[:, :5], expected[:, :5], 1e-5)
