"""Cross-entropy over a vocabulary without ever holding all logits.

Logits are the largest thing in a language model's step: N tokens × V entries, and as much again for their gradient.
Here they are made for some tokens at a time, and the gradient is taken while they are there, so that what stays is as
large as the hidden states and the embedding (Hsu et al. 2024, Liger Kernel, 2410.10989, §3.2). The loss is that of
`F.cross_entropy`, to rounding.

Shapes: N tokens, C tokens of a chunk, D hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from catenary.models.kernels import fits, surprise_
from catenary.train.batches import IGNORED

CHUNK_LOGITS = 1 << 22  # 16 MiB in fp32: half of a core's share of cache, and products are still large
LEAST_CHUNK = 128  # tokens


def summed_cross_entropy(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
    """Σ −log softmax(h Wᵀ)[target] over the targets that are not IGNORED; differentiable in h and W, once."""
    return _Chunked.apply(hidden_ND, weight_VD, targets_N)  # type: ignore[no-any-return, no-untyped-call]


@torch.no_grad()
def token_losses(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
    """−log softmax(h Wᵀ)[target] of each token, (N,), fp32; no target may be IGNORED."""
    losses = [
        logits_CV.logsumexp(-1) - logits_CV.gather(-1, targets_N[part, None])[:, 0]
        for part, logits_CV in ((part, chunk.float()) for part, chunk in _chunks(hidden_ND, weight_VD))
    ]
    return torch.cat(losses) if losses else hidden_ND.new_zeros(0, dtype=torch.float32)


def _chunks(hidden_ND: Tensor, weight_VD: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Some tokens and their logits, then the next."""
    size = max(LEAST_CHUNK, CHUNK_LOGITS // len(weight_VD))
    for start in range(0, len(hidden_ND), size):
        part = slice(start, start + size)
        yield part, hidden_ND[part] @ weight_VD.T


def _losses_and_slopes(logits_CV: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor]:
    """Each token's loss, (C,) fp32, and softmax − onehot, (C, V) in the logits' type and, where it can, place."""
    if fits(logits_CV):
        return surprise_(logits_CV, targets_C), logits_CV
    dtype, logits_CV = logits_CV.dtype, logits_CV.float()
    ignored_C = targets_C == IGNORED
    target_C1 = targets_C.masked_fill(ignored_C, 0)[:, None]
    sums_C1 = logits_CV.logsumexp(-1, keepdim=True)
    losses_C = (sums_C1 - logits_CV.gather(-1, target_C1))[:, 0].masked_fill(ignored_C, 0.0)
    slope_CV = logits_CV.sub_(sums_C1).exp_()
    slope_CV.scatter_add_(-1, target_C1, slope_CV.new_full(target_C1.shape, -1.0))
    return losses_C, slope_CV.masked_fill_(ignored_C[:, None], 0.0).to(dtype)


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
        slopes_ND = torch.empty_like(hidden_ND) if ctx.needs_input_grad[0] else None
        # Summed in fp32: a bf16 sum over many chunks would lose the small ones.
        slopes_VD = torch.zeros_like(weight_VD, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        total = hidden_ND.new_zeros((), dtype=torch.float32)
        for part, logits_CV in _chunks(hidden_ND, weight_VD):
            losses_C, slope_CV = _losses_and_slopes(logits_CV, targets_N[part])
            total += losses_C.sum()
            if slopes_ND is not None:
                torch.mm(slope_CV, weight_VD, out=slopes_ND[part])
            if slopes_VD is not None:
                slopes_VD += slope_CV.T @ hidden_ND[part]
        ctx.slopes = slopes_ND, None if slopes_VD is None else slopes_VD.to(weight_VD.dtype)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, *given: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        slopes_ND, slopes_VD = ctx.slopes  # type: ignore[attr-defined]
        del ctx.slopes  # type: ignore[attr-defined]
        scale = given[0]
        return (
            None if slopes_ND is None else slopes_ND.mul_(scale),
            None if slopes_VD is None else slopes_VD.mul_(scale),
            None,
        )
