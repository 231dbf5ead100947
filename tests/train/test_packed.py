from itertools import chain, islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from catenary.models import build, configure
from catenary.train.objectives import CausalLM
from catenary.train.packed import Packed
from catenary.train.stream import TokenStream

from .toy import settings

documents = st.lists(st.integers(0, 12), min_size=1, max_size=20)


def stream(lengths):
    """Documents of these lengths, framed by 1 … 2; the tokens within are all different."""
    rows, following = [], 3
    for length in lengths:
        rows.append([1, *range(following, following + length), 2])
        following += length
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return TokenStream(np.array([*chain(*rows)], np.int32), starts, 100, f"{lengths}")


def pairs(batch):
    """(document, token, next token) of every place."""
    lengths = batch.cu_seqlens.diff().tolist()
    owners = np.repeat(batch.document_P, lengths).tolist()
    return list(zip(owners, batch.input_ids_1N[0].tolist(), batch.targets_N.tolist(), strict=True))


def expected(packed):
    found = []
    for document in range(len(packed.stream)):
        row = packed.stream.ids[packed.stream.starts[document] : packed.stream.starts[document + 1]].tolist()
        found += [(document, *pair) for pair in pairwise(row)]
    return sorted(found)


@given(documents, st.integers(1, 9), st.integers(1, 30), st.integers(0, 3))
def test_a_pass_predicts_every_token_once_without_padding(lengths, context, batch_tokens, epoch):
    packed = Packed(stream(lengths), context, batch_tokens, seed=5)
    steps = packed.steps_in_pass
    batches = list(islice(packed.from_step(epoch * steps), steps))
    assert [batch.tokens for batch in batches[:-1]] == [batch_tokens] * (steps - 1)
    assert all(int(batch.cu_seqlens.diff().max()) <= context for batch in batches)
    assert sorted(pair for batch in batches for pair in pairs(batch)) == expected(packed)
    assert sorted(pair for batch in packed.in_order() for pair in pairs(batch)) == expected(packed)


@given(documents, st.integers(1, 9), st.integers(1, 30), st.integers(0, 50))
def test_a_position_is_one_integer_and_documents_are_told_without_making_batches(
    lengths, context, batch_tokens, step
):
    packed = Packed(stream(lengths), context, batch_tokens)
    whole = islice(packed.from_step(0), step, step + 5)
    resumed, told = packed.from_step(step), packed.documents_from(step)
    for batch in whole:
        assert pairs(batch) == pairs(next(resumed))
        assert batch.documents.tolist() == next(told).tolist()
        assert batch.documents.tolist() == list(dict.fromkeys(batch.document_P.tolist()))


@given(documents, st.integers(1, 9), st.integers(1, 30), st.integers(1, 6))
def test_a_batch_in_parts_has_the_same_pieces(lengths, context, batch_tokens, parts):
    batch = next(Packed(stream(lengths), context, batch_tokens).from_step(0))
    split = batch.split(parts)
    assert 1 <= len(split) <= parts
    assert [pair for part in split for pair in pairs(part)] == pairs(batch)
    assert torch.equal(torch.cat([part.cu_seqlens.diff() for part in split]), batch.cu_seqlens.diff())


def test_extent_and_identity():
    packed = Packed(stream([4] * 10), 8, 12)  # 50 predicted tokens
    assert packed.extent(settings(epochs=3)) == (15, [5, 10, 15])
    assert packed.extent(settings(epochs=None, steps=7)) == (7, [5])
    assert packed.extent(settings(epochs=1, least_steps=7)) == (10, [5, 10])
    others = [
        Packed(stream([4] * 9), 8, 12),
        Packed(stream([4] * 10), 7, 12),
        Packed(stream([4] * 10), 8, 13),
    ]
    assert len({one.identity for one in (packed, *others, Packed(packed.stream, 8, 12, seed=1))}) == 5


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3"])
def test_the_packed_loss_is_that_of_each_document_alone(family):
    config = configure(
        family,
        None,
        vocab_size=80,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    model = build(config, "clm", seed=0).eval()
    packed = Packed(stream([5, 0, 9, 3]), 32, 1000)
    batch = next(packed.from_step(0))
    loss = CausalLM().loss(model, batch, torch.Generator())
    total = 0.0
    for document in range(4):
        row = torch.from_numpy(
            packed.stream.ids[packed.stream.starts[document] : packed.stream.starts[document + 1]].astype(
                np.int64
            )
        )
        logits = model(row[None, :-1]).logits[0]
        total += torch.nn.functional.cross_entropy(logits, row[1:], reduction="sum").item()
    assert loss.of == batch.tokens == 21
    assert loss.mean.item() == pytest.approx(total / 21, rel=1e-5)
    figures = CausalLM().measure(model, packed)
    assert figures["loss"] == pytest.approx(total / 21, rel=1e-5)
    assert figures["perplexity"] == pytest.approx(np.exp(total / 21), rel=1e-5)
    assert figures["bits_per_byte"] == pytest.approx(total / np.log(2) / 100, rel=1e-5)
