import numpy as np
import torch

from catenary.train.batches import TokenRows
from catenary.train.embeddings import cooccurrence_embeddings


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
