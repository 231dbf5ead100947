"""The compiled row kernels equal plain torch in fp32, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models.kernels import (
    gated_silu,
    library,
    rms_norm,
    suits_rows,
    surprise_,
    turned,
)
from catenary.models.layers import RMSNorm
from catenary.models.positions import rotate

pytestmark = pytest.mark.skipif(library() is None, reason="no compiler, or no kernel for this processor")

TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 2e-2}  # of the largest value
DTYPES = st.sampled_from([torch.float32, torch.bfloat16])


def drawn(*shape: int, dtype: torch.dtype, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul(2).to(dtype).requires_grad_()


def agree(ours: Callable[..., Tensor], theirs: Callable[..., Tensor], inputs: list[Tensor]) -> None:
    """Outputs and gradients, against the same inputs in fp32."""
    y = ours(*inputs)
    slope = torch.randn(y.shape, generator=torch.Generator().manual_seed(9)).to(y.dtype)
    exact = [x.detach().float().requires_grad_() for x in inputs]
    z = theirs(*exact)
    found = (y, *torch.autograd.grad(y, inputs, slope))
    expected = (z, *torch.autograd.grad(z, exact, slope.float()))
    for one, other in zip(found, expected, strict=True):
        largest = max(other.abs().max().item(), 1.0)
        assert (one.float() - other).abs().max().item() < TOLERANCE[inputs[0].dtype] * largest


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 200), size=st.sampled_from([16, 48, 384]), dtype=DTYPES, seed=st.integers(0, 99))
def test_rms_norm(rows: int, size: int, dtype: torch.dtype, seed: int) -> None:
    x, w = drawn(rows, size, dtype=dtype, seed=seed), drawn(size, dtype=dtype, seed=seed + 1)
    agree(lambda x, w: rms_norm(x, w, 1e-5), lambda x, w: F.rms_norm(x, (size,), w, 1e-5), [x, w])


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 60), size=st.sampled_from([16, 64, 176]), dtype=DTYPES, seed=st.integers(0, 99))
def test_gated_silu(rows: int, size: int, dtype: torch.dtype, seed: int) -> None:
    gate, up = (drawn(rows, size, dtype=dtype, seed=seed + i) for i in range(2))
    agree(gated_silu, lambda g, u: F.silu(g) * u, [gate, up])


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 3),
    tokens=st.integers(1, 40),
    heads=st.integers(1, 3),
    size=st.sampled_from([32, 64, 128]),
    dtype=DTYPES,
    seed=st.integers(0, 99),
)
def test_turned(rows: int, tokens: int, heads: int, size: int, dtype: torch.dtype, seed: int) -> None:
    angle_TK = torch.rand(tokens, size // 2, generator=torch.Generator().manual_seed(seed)).repeat(1, 2) * 7
    cos, sin = angle_TK.cos().to(dtype), angle_TK.sin().to(dtype)

    def by_torch(x_NHK: Tensor) -> Tensor:
        first, second = x_NHK.chunk(2, dim=-1)
        c, s = (one.float().repeat(rows, 1)[:, None] for one in (cos, sin))
        return x_NHK * c + torch.cat([-second, first], dim=-1) * s

    agree(
        lambda x: turned(x, cos, sin), by_torch, [drawn(rows * tokens, heads, size, dtype=dtype, seed=seed)]
    )


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 40), size=st.integers(2, 200), dtype=DTYPES, data=st.data())
def test_surprise_is_cross_entropy_and_its_gradient(
    rows: int, size: int, dtype: torch.dtype, data: st.DataObject
) -> None:
    target = st.integers(0, size - 1) | st.just(-100)
    targets = torch.tensor(data.draw(st.lists(target, min_size=rows, max_size=rows)))
    logits = drawn(rows, size, dtype=dtype, seed=data.draw(st.integers(0, 99)))
    exact = logits.detach().float().requires_grad_()
    expected = F.cross_entropy(exact, targets, reduction="none")
    (slope,) = torch.autograd.grad(expected.sum(), exact)
    found = logits.detach().clone()
    assert torch.allclose(surprise_(found, targets), expected, atol=1e-5, rtol=1e-5)
    assert (found.float() - slope).abs().max() < (1e-6 if dtype == torch.float32 else 4e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_input_gives_the_same_bits_whatever_the_threads(dtype: torch.dtype) -> None:
    x, w = drawn(333, 64, dtype=dtype, seed=1), drawn(64, dtype=dtype, seed=2)
    seen = []
    for count in (1, 2, 3):
        with threads(count):
            y = rms_norm(x, w, 1e-5)
            seen.append((y, *torch.autograd.grad(y.float().square().sum(), (x, w))))
    for other in seen[1:]:
        assert all(torch.equal(a, b) for a, b in zip(seen[0], other, strict=True))


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_what_they_are_not_made_for_stays_with_torch() -> None:
    x = torch.zeros(4, 32, requires_grad=True)
    assert suits_rows(x, width=32)
    assert not suits_rows(x, width=33)
    assert not suits_rows(x.T, width=32)
    assert not suits_rows(x.double(), width=32)
    assert not suits_rows(x, x.bfloat16(), width=32)
    assert not suits_rows(x.detach(), width=32)
    with torch.no_grad():
        assert not suits_rows(x, width=32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_target_beyond_the_vocabulary_is_refused_and_nothing_is_written(dtype: torch.dtype) -> None:
    logits = drawn(3, 40, dtype=dtype, seed=1).detach()
    before = logits.clone()
    with pytest.raises(InvalidInput, match="below 40") as caught:
        surprise_(logits, torch.tensor([1, 40, 2]))
    assert "got: 40" in str(caught.value)
    assert torch.equal(logits, before)


def test_targets_may_lie_apart_and_be_of_another_type() -> None:
    logits, targets = (
        drawn(3, 40, dtype=torch.float32, seed=1).detach(),
        torch.tensor([[1, 9], [7, 9], [0, 9]]),
    )
    expected = F.cross_entropy(logits, targets[:, 0], reduction="none")
    assert torch.allclose(surprise_(logits.clone(), targets[:, 0]), expected, atol=1e-6)
    assert torch.allclose(surprise_(logits.clone(), targets[:, 0].int()), expected, atol=1e-6)


def test_angles_of_another_type_are_left_to_torch() -> None:
    """As autocast makes them: heads in bf16, angles in fp32."""
    x_BHTK = torch.randn(2, 3, 5, 32, generator=torch.Generator().manual_seed(1)).bfloat16()
    angle_1TK = torch.rand(1, 5, 16, generator=torch.Generator().manual_seed(2)).repeat(1, 1, 2)
    cos, sin = angle_1TK.cos()[:, None], angle_1TK.sin()[:, None]
    expected = rotate(x_BHTK.float(), cos, sin)
    found = rotate(x_BHTK.requires_grad_(), cos, sin)
    assert torch.allclose(found.float(), expected, atol=2e-2)


def test_a_row_that_is_no_norms_is_refused_by_torch() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        RMSNorm(32, eps=1e-5)(torch.ones(2, 64, requires_grad=True))
