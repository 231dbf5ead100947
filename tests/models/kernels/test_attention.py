"""The compiled attention equals torch's own in fp32, forward and backward, whatever the documents."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models import build, configure
from catenary.models.attention import causal_mask
from catenary.models.kernels import library, packed_attention, suits

pytestmark = pytest.mark.skipif(library() is None, reason="no compiler, or no kernel for this processor")

TOLERANCE = {torch.float32: 5e-5, torch.bfloat16: 2e-2}  # of the largest value
CPU = torch.device("cpu")


def by_torch(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    queries: list[int],
    keys: list[int],
    scale: float,
    causal: bool,
    window: int | None,
) -> Tensor:
    """One document after the other, in fp32."""
    parts = []
    for one in zip(q.float().split(queries), k.float().split(keys), v.float().split(keys), strict=True):
        q_1HTK, k_1GSK, v_1GSK = (x.transpose(0, 1)[None] for x in one)
        mask = causal_mask(q_1HTK.shape[2], k_1GSK.shape[2], CPU, window) if causal else None
        y = F.scaled_dot_product_attention(
            q_1HTK, k_1GSK, v_1GSK, attn_mask=mask, scale=scale, enable_gqa=True
        )
        parts.append(y[0].transpose(0, 1))
    return torch.cat(parts)


def borders(lengths: list[int]) -> Tensor:
    return torch.tensor([0, *lengths]).cumsum(0)


def heads(tokens: int, count: int, size: int, dtype: torch.dtype, seed: int) -> Tensor:
    drawn = torch.randn(tokens, count, size, generator=torch.Generator().manual_seed(seed))
    return drawn.to(dtype).requires_grad_()


@settings(max_examples=40, deadline=None)
@given(
    queries=st.lists(st.integers(1, 150), min_size=1, max_size=5),
    groups=st.integers(1, 3),
    share=st.integers(1, 3),
    size=st.sampled_from([16, 32, 48, 64, 80, 128]),
    causal=st.booleans(),
    window=st.none() | st.integers(1, 100),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    data=st.data(),
)
def test_outputs_and_gradients_are_those_of_torch(
    queries: list[int],
    groups: int,
    share: int,
    size: int,
    causal: bool,
    window: int | None,
    dtype: torch.dtype,
    data: st.DataObject,
) -> None:
    window = window if causal else None
    n = len(queries)
    keys = queries if causal else data.draw(st.lists(st.integers(1, 150), min_size=n, max_size=n))
    seed, scale = data.draw(st.integers(0, 1000)), data.draw(st.sampled_from([size**-0.5, 0.1]))
    q = heads(sum(queries), groups * share, size, dtype, seed)
    k, v = (heads(sum(keys), groups, size, dtype, seed + i) for i in (1, 2))
    slope = heads(sum(queries), groups * share, size, dtype, seed + 3).detach()

    ours = packed_attention(
        q, k, v, borders(queries), borders(keys), scale=scale, causal=causal, window=window
    )
    found = (ours, *torch.autograd.grad(ours, (q, k, v), slope))
    theirs = by_torch(q, k, v, queries, keys, scale, causal, window)
    expected = (theirs, *torch.autograd.grad(theirs, (q, k, v), slope.float()))
    for one, other in zip(found, expected, strict=True):
        # A gradient may be 0 everywhere (with one key its weight is 1), and then rounding is all there is.
        largest = max(other.float().abs().max().item(), 1.0)
        assert (one.float() - other.float()).abs().max().item() < TOLERANCE[dtype] * largest


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_input_gives_the_same_bits_whatever_the_threads(dtype: torch.dtype) -> None:
    lengths = [200, 3, 64, 129]
    q, k, v = heads(396, 6, 32, dtype, 1), heads(396, 2, 32, dtype, 2), heads(396, 2, 32, dtype, 3)
    threads, seen = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3, 3):
            torch.set_num_threads(count)
            y = packed_attention(q, k, v, borders(lengths), borders(lengths), scale=0.2, causal=True)
            seen.append((y, *torch.autograd.grad(y.float().square().sum(), (q, k, v))))
    finally:
        torch.set_num_threads(threads)
    for other in seen[1:]:
        assert all(torch.equal(a, b) for a, b in zip(seen[0], other, strict=True))


def test_views_with_any_strides_are_read_in_place() -> None:
    whole = torch.randn(40, 3, 4, 16, generator=torch.Generator().manual_seed(1), requires_grad=True)
    at = borders([40])
    strided = packed_attention(*whole.unbind(1), at, at, scale=0.25)
    copied = packed_attention(*(x.contiguous() for x in whole.unbind(1)), at, at, scale=0.25)
    turned = packed_attention(
        *(x.transpose(0, 2).contiguous().transpose(0, 2) for x in whole.unbind(1)), at, at, scale=0.25
    )
    assert torch.equal(strided, copied)
    assert torch.equal(turned, copied)


def test_large_scores_overflow_nothing() -> None:
    q = torch.full((70, 1, 16), 1e3, requires_grad=True)
    k = (torch.arange(70.0)[:, None, None] - 35).expand(70, 1, 16).requires_grad_()
    y = packed_attention(q, k, k, borders([70]), borders([70]), scale=1.0, causal=True)
    y.sum().backward()
    assert y.isfinite().all()
    assert q.grad is not None
    assert q.grad.isfinite().all()
    assert torch.equal(y[:, 0, 0], k[:, 0, 0])  # each token sees the largest key at its own place


@pytest.mark.slow
def test_the_operator_is_registered_as_torch_asks() -> None:
    from catenary.models.kernels.attention import _attention

    q, k, v = (heads(8, 1, 16, torch.float32, seed) for seed in (1, 2, 3))
    at = borders([3, 5])
    torch.library.opcheck(_attention, (q, k, v, at, at, 0.25, True, 0))


@pytest.mark.slow
def test_a_compiled_step_equals_the_eager_one() -> None:
    model = build(configure("llama", "nano", vocab_size=61), "clm", seed=1).train()
    ids = torch.randint(3, 61, (2, 40), generator=torch.Generator().manual_seed(1))

    def gradients(forward: object) -> list[Tensor]:
        model.zero_grad()
        forward(ids).logits.square().mean().backward()  # type: ignore[operator]
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]

    eager, compiled = gradients(model), gradients(torch.compile(model))
    for one, other in zip(eager, compiled, strict=True):
        assert torch.allclose(one, other, atol=1e-5, rtol=1e-4)


def test_documents_without_tokens_and_queries_without_keys() -> None:
    queries, keys = [0, 3, 2, 0], [5, 0, 1, 0]
    q, k, v = (heads(n, 2, 16, torch.float32, seed) for n, seed in ((5, 1), (6, 2), (6, 3)))
    y = packed_attention(q, k, v, borders(queries), borders(keys), scale=0.25)
    assert torch.equal(y[:3], torch.zeros(3, 2, 16))
    assert torch.allclose(y[3:], v[5:].expand(2, 2, 16))
    slopes = torch.autograd.grad(y.sum(), (q, k, v))
    assert all(slope.isfinite().all() for slope in slopes)
    assert torch.equal(slopes[2][:5], torch.zeros(5, 2, 16))


@pytest.mark.parametrize(
    ("queries", "keys", "causal"),
    [
        ([0, 3, 9], [0, 3, 9], True),  # beyond the tokens
        ([0, 3], [0, 3], True),  # short of them
        ([0, 5, 3, 8], [0, 5, 3, 8], True),  # backwards
        ([-1, 8], [-1, 8], False),
        ([0, 3, 8], [0, 8], False),  # not as many
        ([0, 3, 8], [0, 4, 8], True),  # not the same, where order counts
        ([8], [8], False),
    ],
)
def test_borders_that_do_not_fit_are_refused_before_memory_is_touched(
    queries: list[int], keys: list[int], causal: bool
) -> None:
    q, k, v = (heads(8, 1, 16, torch.float32, seed) for seed in (1, 2, 3))
    at, key_at = torch.tensor(queries), torch.tensor(keys)
    with pytest.raises(InvalidInput, match="borders"):
        packed_attention(q, k, v, at, key_at, scale=0.25, causal=causal)
    with pytest.raises(InvalidInput, match="borders"):
        packed_attention(q, k, v, torch.tensor([0, 8]).int(), torch.tensor([0, 8]).int(), scale=0.25)


def test_heads_of_several_types_stay_with_torch() -> None:
    """As autocast makes them: turned queries and keys in fp32, values in bf16."""
    wide, narrow = heads(8, 1, 16, torch.float32, 1), heads(8, 1, 16, torch.bfloat16, 2)
    assert suits(wide, wide, wide)
    assert not suits(wide, wide, narrow)
    assert not suits(narrow, wide, wide)
