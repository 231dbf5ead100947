"""Token embeddings from word2vec: skip-gram with negative sampling, through gensim.

Each token's vector is trained to tell the tokens around it from tokens drawn at random (Mikolov et al. 2013,
1310.4546): it maximises log σ(u_c · v_w) + Σ_{k drawn} log σ(−u_k · v_w) over the tokens w and their neighbours c.

gensim is an extra (`pip install catenary[word2vec]`), under the LGPL. With one worker and a seed it gives the same
bits each time.

V vocabulary, D embedding size
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from catenary.errors import InvalidInput
from catenary.train.batches import TokenRows

WINDOW = 5  # tokens to either side, drawn anew from 1 to this (Mikolov et al. 2013, 1301.3781, §3.2)
NEGATIVE = 5  # draws for each neighbour (1310.4546, §2.2: 5–20 for small data)
PASSES = 5
SPREAD = 1.5  # of the result, in deviations of a random start; as `embeddings.py` has it


def word2vec_embeddings(
    rows: TokenRows, ordinary_ids: Sequence[int], table_VD: torch.Tensor, deviation: float, seed: int
) -> None:
    """Fill the rows of `table_VD` of ordinary tokens that occur; the others stay.

    Raises InvalidInput without gensim.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError:
        raise InvalidInput(
            "`embeddings: word2vec` needs the package gensim.",
            expected="pip install 'catenary[word2vec]', or `embeddings: cooccurrence`",
        ) from None
    ordinary_V = np.zeros(table_VD.shape[0], bool)
    ordinary_V[list(ordinary_ids)] = True
    # gensim takes numbers for places of its own, so a token goes by its id as text.
    sentences = [
        [str(token) for token in rows.ids[start:end] if ordinary_V[token]]
        for start, end in pairwise(rows.starts.tolist())
    ]
    if not any(sentences):
        return
    trained = Word2Vec(
        sentences,
        vector_size=table_VD.shape[1],
        window=WINDOW,
        sg=1,
        negative=NEGATIVE,
        min_count=1,
        epochs=PASSES,
        seed=seed,
        workers=1,
    )
    known = torch.tensor([int(token) for token in trained.wv.index_to_key])
    vectors = torch.from_numpy(np.array(trained.wv.vectors))
    vectors = vectors - vectors.mean(dim=0)  # word2vec's share a direction, which says nothing of any token
    table_VD[known] = vectors * (SPREAD * deviation / vectors.std(correction=0))
