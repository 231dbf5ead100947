import numpy as np
import pytest
import torch

from catenary.train.batches import TokenRows
from catenary.train.embeddings import cooccurrence_embeddings, paired_embeddings


def made():
    """Tokens 5-14 keep company with each other, and so do 15-24; 25 occurs nowhere."""
    random = np.random.default_rng(0)
    rows = [(5 + 10 * (i % 2) + random.integers(0, 10, 12)).tolist() for i in range(400)]
    table = torch.full((26, 6), 7.0)
    cooccurrence_embeddings(TokenRows.of([[2, *row, 3] for row in rows]), range(5, 26), table, 0.02)
    return table


def test_tokens_that_keep_company_are_near():
    vectors = made()[5:25]
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    cosine = unit @ unit.T
    same = cosine[:10, :10].mean() + cosine[10:, 10:].mean()
    assert same / 2 > cosine[:10, 10:].mean() + 0.5


def test_special_and_unseen_tokens_stay_and_the_spread_is_as_asked():
    table = made()
    assert (table[:5] == 7).all()
    assert (table[25] == 7).all()
    assert abs(float(table[5:25].std(correction=0)) - 0.03) < 1e-3


def test_the_same_texts_give_the_same_bits():
    assert torch.equal(made(), made())


def test_a_word_and_its_translation_start_as_neighbours():
    """Words 10 to 29 are translated by 40 to 59, in another order in each pair."""
    random = np.random.default_rng(0)
    sources = [random.choice(np.arange(10, 30), 5, replace=False) for _ in range(400)]
    targets = [random.permutation(words) + 30 for words in sources]
    table = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    before = table.clone()

    paired_embeddings(TokenRows.of(sources), TokenRows.of(targets), range(7, 64), table)

    near = torch.nn.functional.normalize(table, dim=-1)
    translated = (near[10:30] @ near[40:60].T).argmax(-1)
    assert (translated == torch.arange(20)).float().mean() > 0.9
    assert torch.equal(table[:10], before[:10])  # what does not occur stays as it was drawn
    assert table[10:30].std() == pytest.approx(before.std().item(), rel=0.2)
