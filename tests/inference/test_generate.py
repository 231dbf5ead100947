"""Many answers at once are the answers of each prompt alone, and transformers' own: greedy and with beams."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from catenary.errors import InvalidInput
from catenary.inference.generate import Decoding, generate
from catenary.models import Model, build, configure
from tests.models.reference import VOCABULARY, token_ids
from tests.models.test_generation import writer

END = 7  # a token that random models say now and then
GREEDY = Decoding(max_new_tokens=10, stop_ids=(END,))


def prompts_of(model: Model) -> list[list[int]]:
    """Of different lengths, in no order."""
    ids = token_ids(9, 12, low=8).tolist()
    return [row[: 4 + 5 * n % 9] for n, row in enumerate(ids)]


def theirs(reference: object, prompt: list[int], kind: str, **settings: object) -> list[int]:
    ids = torch.tensor([prompt])
    told = reference.generate(  # type: ignore[attr-defined]
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=10,
        do_sample=False,
        eos_token_id=END,
        pad_token_id=0,
        suppress_tokens=None,
        use_cache=False,
        **settings,
    )[0].tolist()
    new = told[1:] if kind == "encoder-decoder" else told[len(prompt) :]
    return new[: new.index(END)] if END in new else new


@pytest.mark.parametrize("variant", ["llama", "gpt2", "t5", "marian"])
@pytest.mark.parametrize("beams", [1, 3])
def test_answers_are_transformers(variant: str, beams: int, tmp_path: Path) -> None:
    model, reference = writer(variant, tmp_path)
    prompts = prompts_of(model)

    ours = generate(model, prompts, replace(GREEDY, beams=beams, rows=6))

    assert ours == [theirs(reference, prompt, model.config.kind, num_beams=beams) for prompt in prompts]


@pytest.mark.parametrize("variant", ["t5", "marian"])
@pytest.mark.parametrize("beams", [1, 3])
def test_what_is_not_written_twice_is_what_transformers_leaves_out(
    variant: str, beams: int, tmp_path: Path
) -> None:
    model, reference = writer(variant, tmp_path)
    prompts = prompts_of(model)

    ours = generate(model, prompts, replace(GREEDY, beams=beams, no_repeat_ngram=2, rows=6))

    # transformers counts the token that a decoder begins with as written, so beams that hold it end elsewhere there; a
    # trained model never writes it.
    if beams == 1:
        start = model.config.decoder_start_token_id
        wanted = [theirs(reference, prompt, model.config.kind, no_repeat_ngram_size=2) for prompt in prompts]
        pairs = [pair for pair in zip(ours, wanted, strict=True) if start not in (*pair[0], *pair[1])]
        assert pairs
        assert all(answer == told for answer, told in pairs)
    assert all(len(set(pairwise(answer))) == max(0, len(answer) - 1) for answer in ours)
    assert ours != generate(model, prompts, replace(GREEDY, beams=beams, rows=6))


@pytest.mark.parametrize("family", ["llama", "marian"])
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_prompt_is_answered_alike_in_any_company(family: str, temperature: float) -> None:
    model = tiny(family)
    prompts = prompts_of(model)
    how = replace(GREEDY, temperature=temperature, top_p=0.9, seed=3)

    together = generate(model, prompts, replace(how, rows=64))

    assert together == generate(model, prompts, replace(how, rows=2))
    assert temperature == 0 or len({tuple(answer) for answer in together}) > 1


def test_sampling_follows_the_probabilities() -> None:
    model = tiny("llama")
    with torch.no_grad():
        share = (model(torch.tensor([[9, 10]])).logits[0, -1] / 2).softmax(-1)
    best = share.topk(3)

    drawn = generate(
        model,
        [[9, 10]] * 2000,
        Decoding(max_new_tokens=1, temperature=2.0, top_k=3, rows=2000, stop_ids=(60,)),
    )

    told = Counter(answer[0] if answer else 60 for answer in drawn)
    expected = best.values / best.values.sum()
    assert set(told) == set(best.indices.tolist())
    for token, wanted in zip(best.indices.tolist(), expected.tolist(), strict=True):
        assert abs(told[token] / 2000 - wanted) < 0.05


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no room"):
        generate(tiny("llama"), [[]], GREEDY)
    with pytest.raises(InvalidInput, match="not sampled"):
        Decoding(beams=2, temperature=1.0)
    with pytest.raises(InvalidInput, match="ends a text"):
        generate(tiny("llama"), [[9]], Decoding())


def tiny(family: str) -> Model:
    more = {"decoder_start_token_id": 0, "pad_token_id": 0} if family == "marian" else {}
    config = configure(
        family,
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        eos_token_id=None,
        initializer_range=0.3,
        **more,
    )
    return build(config, "seq2seq" if family == "marian" else "clm", seed=3).eval()
