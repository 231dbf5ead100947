import numpy as np
import pytest
import torch

from catenary.errors import InvalidInput
from catenary.models import Likelihood, build, configure, text_frame

SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


def test_a_text_and_its_end_are_scored_in_pieces_as_in_training():
    config = configure("llama", None, vocab_size=50, bos_token_id=5, eos_token_id=6, **SHAPE)
    model = build(config, "clm", seed=0)
    ids = torch.tensor([[5, 10, 11, 12, 13, 6]])
    whole = model(ids[:, :-1]).logits[0].log_softmax(-1).gather(-1, ids[0, 1:, None])[:, 0]
    assert np.allclose(Likelihood(model).log_probs([10, 11, 12, 13]), whole.detach(), atol=1e-6)
    pieces = Likelihood(model, context=3).log_probs([10, 11, 12, 13])
    assert np.allclose(pieces[:3], whole[:3].detach(), atol=1e-6)
    assert not np.allclose(pieces[3:], whole[3:].detach(), atol=1e-6)
    assert len(Likelihood(model).log_probs([])) == 1


def test_what_stands_around_a_text():
    def framed(**ids):
        return text_frame(configure("llama", None, vocab_size=50, **SHAPE, **ids))

    assert framed(bos_token_id=5, eos_token_id=6) == (5, 6)
    assert framed(bos_token_id=None, eos_token_id=(7, 8)) == (7, 7)
    with pytest.raises(InvalidInput, match="ends a text"):
        framed(bos_token_id=1, eos_token_id=None)
