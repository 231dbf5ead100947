"""What stands between the products of a training step, in one pass each: eager only, as torch.compile fuses by itself.

N rows (tokens) · D size of a row · H heads · K size of a head · P positions · V vocabulary

Each function has a counterpart in plain torch where it is called, which does the same for what does not suit.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models.kernels.attention import DTYPES, lanes
from catenary.models.kernels.build import library, threads


def suits_rows(*tensors: Tensor, width: int) -> bool:
    """Whether the kernels take these, `width` numbers a row, in training: eager, dense, of one type, on a CPU."""
    return (
        torch.is_grad_enabled()
        and any(one.requires_grad for one in tensors)
        and fits(*tensors)
        and width % lanes() == 0
    )


def fits(*tensors: Tensor) -> bool:
    """Whether there are kernels for these, widths apart."""
    first = tensors[0]
    return (
        not torch.compiler.is_compiling()
        and first.device.type == "cpu"
        and first.dtype in DTYPES
        and first.numel() > 0
        and all(one.dtype == first.dtype and one.is_contiguous() for one in tensors)
        and lanes() > 0
    )


def rms_norm(x: Tensor, weight_D: Tensor, epsilon: float) -> Tensor:
    """x / √(mean(x²) + ε) · w over the last dimension   (Zhang and Sennrich 2019)"""
    assert weight_D.shape == x.shape[-1:]
    return _RMSNorm.apply(x, weight_D, epsilon)  # type: ignore[no-any-return, no-untyped-call]


def gated_silu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) · up   (Shazeer 2020)"""
    assert gate.shape == up.shape
    return _GatedSilu.apply(gate, up)  # type: ignore[no-any-return, no-untyped-call]


def turned(x_NHK: Tensor, cos_PK: Tensor, sin_PK: Tensor) -> Tensor:
    """Heads turned by their tokens' angles, (N, H, K), dense; token n stands at position n modulo P.

    x may have any strides with a dense last dimension; K is twice a multiple of `lanes()`   (Su et al. 2021, §3.2)
    """
    assert x_NHK.shape[2:] == cos_PK.shape[1:] == sin_PK.shape[1:]
    assert len(cos_PK) == len(sin_PK) > 0
    assert fits(cos_PK, sin_PK)
    assert x_NHK.dtype == cos_PK.dtype
    return _Turned.apply(x_NHK, cos_PK, sin_PK)  # type: ignore[no-any-return, no-untyped-call]


def surprise_(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """−log softmax(logits)[target] of each row, (N,) fp32; the logits become its gradient, softmax − onehot.

    A row with a negative target loses nothing and has no gradient. Raises InvalidInput for a target beyond the row.
    """
    assert logits_NV.is_contiguous()
    assert targets_N.shape == logits_NV.shape[:1]
    targets_N = targets_N.to(torch.int64).contiguous()
    loss_N = torch.empty(len(logits_NV), dtype=torch.float32)
    if _call("surprise", logits_NV, logits_NV, targets_N, loss_N, logits_NV, *logits_NV.shape, threads()):
        raise InvalidInput(
            "A token to predict is not in the model's vocabulary.",
            got=int(targets_N.max()),
            expected="token ids below {size}",
            size=logits_NV.shape[1],
        )
    return loss_N


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_D: Tensor, epsilon: float) -> Tensor:
        y, size = torch.empty_like(x), x.shape[-1]
        shrink_N = torch.empty(x.numel() // size, dtype=torch.float32)
        _call(
            "norm_forward",
            *(x, x, weight_D, y, shrink_N),
            *(len(shrink_N), size, ctypes.c_float(epsilon), threads()),
        )
        ctx.save_for_backward(x, weight_D, shrink_N)
        return y

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight_D, shrink_N = ctx.saved_tensors
        slope, dx, dw = slope.contiguous(), torch.empty_like(x), torch.empty_like(weight_D)
        _call(
            "norm_backward",
            *(x, slope, x, weight_D, shrink_N, dx, dw),
            *(len(shrink_N), x.shape[-1], threads()),
        )
        return dx, dw, None


class _GatedSilu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        y = torch.empty_like(gate)
        _call("gated_forward", gate, gate, up, y, gate.numel(), threads())
        ctx.save_for_backward(gate, up)
        return y

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        d_gate, d_up = torch.empty_like(gate), torch.empty_like(up)
        _call("gated_backward", gate, slope.contiguous(), gate, up, d_gate, d_up, gate.numel(), threads())
        return d_gate, d_up


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NHK: Tensor, cos_PK: Tensor, sin_PK: Tensor) -> Tensor:
        ctx.save_for_backward(cos_PK, sin_PK)
        return _turn(x_NHK, cos_PK, sin_PK, 1.0)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        slope = slope if slope.stride(-1) == 1 else slope.contiguous()
        cos_PK, sin_PK = ctx.saved_tensors
        return _turn(slope, cos_PK, sin_PK, -1.0), None, None


def _turn(x_NHK: Tensor, cos_PK: Tensor, sin_PK: Tensor, turn: float) -> Tensor:
    y_NHK = torch.empty(x_NHK.shape, dtype=x_NHK.dtype)
    token, head, _ = x_NHK.stride()
    angles, (tokens, heads, size) = len(cos_PK), x_NHK.shape
    _call(
        "rotate",
        *(x_NHK, x_NHK, token, head, cos_PK, sin_PK, angles, y_NHK),
        *(tokens, heads, size, ctypes.c_float(turn), threads()),
    )
    return y_NHK


def _call(name: str, kind: Tensor, *arguments: Tensor | int | ctypes.c_float) -> int:
    """The C function for tensors like `kind`; whole numbers are int64 but the last, the threads."""
    *given, last = arguments
    suffix = "bf16" if kind.dtype == torch.bfloat16 else "fp32"
    return getattr(library(), f"{name}_{suffix}")(*map(_argument, given), last)  # type: ignore[no-any-return]


def _argument(one: Tensor | int | ctypes.c_float) -> object:
    if isinstance(one, Tensor):
        return ctypes.c_void_p(one.data_ptr())
    return ctypes.c_int64(one) if isinstance(one, int) else one
