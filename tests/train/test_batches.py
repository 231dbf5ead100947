import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from catenary.train.batches import Batches, TokenRows

from .toy import settings

rows = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=20), min_size=1, max_size=40)
sizes = st.one_of(
    st.fixed_dictionaries({"batch_size": st.integers(1, 9)}),
    st.fixed_dictionaries({"batch_tokens": st.integers(1, 60)}),
)


def made(ids, **size):
    return Batches(TokenRows.of(ids), pad_id=0, labels=np.arange(len(ids)), **size)


@given(rows, sizes, st.integers(0, 3))
def test_every_epoch_has_every_document_once_as_it_was(ids, size, epoch):
    batches = made(ids, **size)
    seen = []
    for documents in batches.epoch(epoch):
        batch = batches.batch(documents)
        assert batch.input_ids_BT.dtype == torch.int64
        for row, document in enumerate(documents):
            length = len(ids[document])
            assert batch.input_ids_BT[row, :length].tolist() == ids[document]
            assert not batch.input_ids_BT[row, length:].any()
            if batch.attention_mask_BT is None:
                assert (batch.input_ids_BT != 0).all()
            else:
                expected = [1] * length + [0] * (batch.input_ids_BT.shape[1] - length)
                assert batch.attention_mask_BT[row].tolist() == expected
            assert batch.labels_B[row] == document
        assert batch.tokens == sum(len(ids[document]) for document in documents)
        seen += documents.tolist()
    assert sorted(seen) == list(range(len(ids)))


@given(rows, st.integers(1, 60))
def test_a_token_budget_holds_padding_counted(ids, budget):
    batches = made(ids, batch_tokens=budget)
    for documents in batches.epoch(0):
        shape = batches.batch(documents).input_ids_BT.shape
        assert shape.numel() <= budget or len(documents) == 1


@given(rows, sizes, st.integers(0, 100))
def test_a_position_is_one_integer(ids, size, step):
    batches = made(ids, **size)
    whole = batches.from_step(0)
    for _ in range(step):
        next(whole)
    resumed = batches.from_step(step)
    for _ in range(5):
        assert next(whole).documents.tolist() == next(resumed).documents.tolist()


@given(rows, sizes, st.integers(1, 9))
def test_a_batch_in_parts_is_the_same_batch(ids, size, parts):
    batch = next(made(ids, **size).from_step(0))
    split = batch.split(parts)
    assert len(split) == min(parts, len(batch.documents))
    assert torch.equal(torch.cat([part.input_ids_BT for part in split]), batch.input_ids_BT)
    assert torch.equal(torch.cat([part.labels_B for part in split]), batch.labels_B)
    assert sum(part.tokens for part in split) == batch.tokens
    assert np.concatenate([part.documents for part in split]).tolist() == batch.documents.tolist()


def test_order_depends_on_seed_and_epoch_alone():
    ids = [[1] * (1 + i % 7) for i in range(200)]

    def order(seed, epoch):
        return [d.tolist() for d in Batches(TokenRows.of(ids), 0, batch_size=8, seed=seed).epoch(epoch)]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_there_are_few_shapes():
    random = np.random.default_rng(0)
    ids = [[1] * int(n) for n in random.lognormal(3.3, 0.7, 4000).clip(4, 100)]
    for size in ({"batch_tokens": 1024}, {"batch_size": 32}):
        batches = made(ids, **size)
        planned = [batches.batch(documents) for epoch in range(3) for documents in batches.epoch(epoch)]
        widths = {batch.input_ids_BT.shape[1] for batch in planned}
        assert widths <= {*range(8, 100, 8), 100}
        shapes = {batch.input_ids_BT.numel() for batch in planned}
        assert len(shapes) < len(planned) / 5


def test_little_is_padding():
    random = np.random.default_rng(0)
    ids = [[1] * int(n) for n in random.lognormal(3.6, 0.6, 4000).clip(6, 128)]
    batches = made(ids, batch_tokens=4096)
    made_tokens = sum(batches.batch(documents).input_ids_BT.numel() for documents in batches.epoch(0))
    assert sum(map(len, ids)) / made_tokens > 0.9


def test_extent_of_steps_and_epochs():
    ids = [[1, 2]] * 20
    chosen = settings(epochs=3, batch_size=8)
    assert Batches.of(TokenRows.of(ids), chosen, pad_id=0).extent(chosen) == (9, [3, 6, 9])
    chosen = settings(epochs=None, steps=7, batch_size=8)
    assert Batches.of(TokenRows.of(ids), chosen, pad_id=0).extent(chosen) == (7, [3, 6])
    chosen = settings(epochs=2, least_steps=7, batch_size=8)
    assert Batches.of(TokenRows.of(ids), chosen, pad_id=0).extent(chosen) == (9, [3, 6, 9])


def test_identity_follows_data_and_order():
    ids = [[1, 2], [3]]
    identities = {
        made(ids, batch_size=2).identity,
        made([[1], [2, 3]], batch_size=2).identity,
        made(ids, batch_size=1).identity,
        made(ids, batch_tokens=2).identity,
        Batches(TokenRows.of(ids), 0, np.array([1, 0]), batch_size=2).identity,
        Batches(TokenRows.of(ids), 0, np.array([0, 1]), batch_size=2, seed=1).identity,
    }
    assert len(identities) == 6
    assert made(ids, batch_size=2).identity == made(ids, batch_size=2).identity
