"""Token embeddings that know which tokens keep company before the first step is taken.

An encoder that starts from random embeddings spends its first thousand steps learning how frequent each token is.
Factorising how much more often than by chance two tokens stand near each other gives it the neighbourhoods of the
vocabulary at the cost of counting them (Levy and Goldberg 2014; Levy et al. 2015).

V vocabulary, D hidden size
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from catenary.train.batches import TokenRows

EmbeddingsStart = Literal["random", "cooccurrence", "word2vec"]

WINDOW = 5  # tokens to either side
SMOOTHING = 0.75  # of the frequencies of contexts (Levy et al. 2015, §3.2)
SPREAD = 1.5  # of the result, in deviations of a random start
OVERSAMPLING, POWER_ITERATIONS = 10, 2  # of the factorisation (Halko et al. 2011, §4.3-4.5)


def start_embeddings(
    start: EmbeddingsStart,
    rows: TokenRows,
    ordinary_ids: Sequence[int],
    table_VD: torch.Tensor,
    deviation: float,
    seed: int,
) -> None:
    """Let the rows of `table_VD` start where `start` says; `random` leaves them as they were drawn.

    `deviation` is that of the random start, which the others are scaled to. Raises InvalidInput for word2vec without
    gensim.
    """
    if start == "cooccurrence":
        cooccurrence_embeddings(rows, ordinary_ids, table_VD, deviation)
    elif start == "word2vec":
        from catenary.train.word2vec import word2vec_embeddings

        word2vec_embeddings(rows, ordinary_ids, table_VD, deviation, seed)


def cooccurrence_embeddings(
    rows: TokenRows, ordinary_ids: Sequence[int], table_VD: torch.Tensor, deviation: float
) -> None:
    """Fill the rows of `table_VD` of tokens that occur; the others, and special tokens, stay as they are.

    Row i becomes the i-th of U √S, where U S Vᵀ approximates the matrix of positive pointwise mutual
    information, max(0, log p(i, j) / (p(i) p(j)^0.75)), scaled to 1.5 times `deviation`.
    """
    vocab_size, dimensions = table_VD.shape
    pmi = _positive_pmi(rows, ordinary_ids, vocab_size)
    left, sizes = _factors(pmi, dimensions)
    known = torch.from_numpy(np.flatnonzero(np.diff(pmi.indptr)))
    vectors = (left * sizes.sqrt())[known]
    # A vocabulary smaller than the hidden size has fewer factors than there are columns: the others stay random.
    table_VD[known, : vectors.shape[1]] = (vectors * (SPREAD * deviation / vectors.std(correction=0))).float()


def paired_embeddings(
    sources: TokenRows, targets: TokenRows, ordinary_ids: Sequence[int], table_VD: torch.Tensor
) -> None:
    """Fill the rows of `table_VD` of tokens that occur, so that those which stand in the same pairs lie near each
    other: a word and its translation, whatever their places. The deviation of the table stays as it is.

    Each pair spreads a weight of its number of tokens over all that stand in it together; what counts is how much
    oftener than by chance that happens, as above. The idea is latent semantic indexing across languages (Dumais et al.
    1997, AAAI SS-97-05), with Levy and Goldberg's weights.
    """
    vocab_size, dimensions = table_VD.shape
    rows = [np.repeat(np.arange(len(side)), side.lengths) for side in (sources, targets)]
    ids = np.concatenate([sources.ids, targets.ids]).astype(np.int64)
    ordinary_V = np.zeros(vocab_size, bool)
    ordinary_V[list(ordinary_ids)] = True
    kept = ordinary_V[ids]
    places = (np.concatenate(rows)[kept], ids[kept])
    stands = sparse.coo_array((np.ones(kept.sum()), places), shape=(len(sources), vocab_size)).tocsr()
    stands.data[:] = 1.0
    tokens = np.maximum(1.0, np.asarray(stands.sum(axis=1)).ravel())
    together = (stands.T @ sparse.diags_array(1 / tokens) @ stands).tocoo()
    pmi = _more_than_chance(together)
    left, sizes = _factors(pmi, dimensions)
    known = torch.from_numpy(np.flatnonzero(np.diff(pmi.indptr)))
    vectors = (left * sizes.sqrt())[known]
    # A vocabulary smaller than the hidden size has fewer factors: the other columns stay as they were drawn.
    table_VD[known, : vectors.shape[1]] = (vectors * (table_VD.std() / vectors.std(correction=0))).float()


def _positive_pmi(rows: TokenRows, ordinary_ids: Sequence[int], vocab_size: int) -> sparse.csr_array:
    ids = rows.ids.astype(np.int64)
    row_of = np.repeat(np.arange(len(rows)), rows.lengths)
    ordinary_V = np.zeros(vocab_size, bool)
    ordinary_V[list(ordinary_ids)] = True
    counts = sparse.csr_array((vocab_size, vocab_size), dtype=np.float64)
    for distance in range(1, WINDOW + 1):
        left, right = ids[:-distance], ids[distance:]
        near = (row_of[:-distance] == row_of[distance:]) & ordinary_V[left] & ordinary_V[right]
        pairs = (left[near], right[near])
        counts = counts + sparse.coo_array((np.ones(near.sum()), pairs), shape=counts.shape).tocsr()
    return _more_than_chance((counts + counts.T).tocoo())


def _more_than_chance(found: sparse.coo_array) -> sparse.csr_array:
    """max(0, log p(i, j) / (p(i) p(j)^0.75)) of a symmetric matrix of counts."""
    tokens_V = np.asarray(found.sum(axis=1)).ravel()
    contexts_V = tokens_V**SMOOTHING
    contexts_V /= contexts_V.sum()
    i, j = found.coords
    pmi = np.log(found.data / (tokens_V[i] * contexts_V[j]))
    positive = pmi > 0
    return sparse.coo_array((pmi[positive], (i[positive], j[positive])), shape=found.shape).tocsr()


def _factors(matrix: sparse.csr_array, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """U and S of the best approximation of this rank: a randomised range finder, then an exact small SVD."""

    def orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(torch.linalg.qr(torch.from_numpy(columns)).Q)

    noise = np.random.default_rng(0).standard_normal((matrix.shape[1], rank + OVERSAMPLING))
    basis = orthonormal(matrix @ noise)
    for _ in range(POWER_ITERATIONS):
        basis = orthonormal(matrix @ orthonormal(matrix.T @ basis))
    left, sizes, _ = torch.linalg.svd(torch.from_numpy(matrix.T @ basis).T, full_matrices=False)
    return (torch.from_numpy(basis) @ left)[:, :rank], sizes[:rank]
