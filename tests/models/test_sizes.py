"""Every size of every family is one that `transformers` builds too, and the next is much larger."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import transformers

from catenary.errors import InvalidInput
from catenary.models import FAMILIES, SIZES, Model, configure
from tests.models.reference import VOCABULARY, parameters

CASES = [(family, size) for family in FAMILIES for size in SIZES[family]]


def weights(family: str, size: str) -> tuple[Model, int]:
    """The model, laid out without memory, and its parameters less the embeddings."""
    heads = FAMILIES[family].heads
    head = next(head for head in ("mlm", "clm", "seq2seq") if head in heads)
    with torch.device("meta"):
        model = Model(configure(family, size, vocab_size=VOCABULARY, pad_token_id=0), head)
    tables = [one for one in model.modules() if isinstance(one, torch.nn.Embedding)]
    return model, parameters(model) - sum(map(parameters, tables))


@pytest.mark.parametrize(("family", "size"), CASES)
def test_transformers_builds_the_same(family: str, size: str) -> None:
    ours, _ = weights(family, size)
    known = FAMILIES[family]
    settings = known.settings_of(ours.config)
    config = transformers.AutoConfig.for_model(**settings)
    with torch.device("meta"):
        theirs = getattr(transformers, known.heads[ours.head_name].architecture)(config)
    assert parameters(theirs) - fixed(theirs) == parameters(ours)


def fixed(theirs: torch.nn.Module) -> int:
    """Sinusoidal tables, which are no parameters of ours."""
    return sum(one.numel() for one in theirs.parameters() if not one.requires_grad)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_size_is_a_step_up(family: str) -> None:
    assert list(SIZES[family]) == ["nano", "small", "base"]
    for smaller, larger in pairwise(weights(family, size)[1] for size in SIZES[family]):
        assert 2.5 < larger / smaller < 60


def test_a_size_that_there_is_not() -> None:
    with pytest.raises(InvalidInput, match="nano / small / base"):
        configure("marian", "huge")
