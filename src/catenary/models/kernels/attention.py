"""Attention over packed documents as an operator of torch: eager, compiled and differentiable.

N tokens of all documents · M tokens of all their keys · H heads · G key-value heads · K size of a head
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models.kernels.build import library, threads

LARGEST_HEAD = 256
DTYPES = (torch.bfloat16, torch.float32)


def lanes() -> int:
    """Sizes of a head must be a multiple of it; 0 without the kernels."""
    built = library()
    return 0 if built is None else int(built.attention_lanes())


# What torch.compiler.assume_constant_result sets: calling it imports the compiler, a second of every process's start.
lanes._dynamo_marked_constant = True  # type: ignore[attr-defined]


def suits(q: Tensor, k: Tensor, v: Tensor) -> bool:
    """Whether the kernel takes such heads (their last dimension is K): in training, on a CPU."""
    return (
        torch.is_grad_enabled()
        and any(one.requires_grad for one in (q, k, v))
        and q.device.type == "cpu"
        and q.dtype in DTYPES
        and q.dtype == k.dtype == v.dtype
        and q.shape[-1] <= LARGEST_HEAD
        and lanes() > 0
        and q.shape[-1] % lanes() == 0
    )


def packed_attention(
    q_NHK: Tensor,
    k_MGK: Tensor,
    v_MGK: Tensor,
    query_borders: Tensor,
    key_borders: Tensor,
    *,
    scale: float,
    causal: bool = False,
    window: int | None = None,
) -> Tensor:
    """softmax(Q Kᵀ · scale) V of each document on its own keys, (N, H, K)   (Dao 2023, 2307.08691)

    Borders are FlashAttention's cu_seqlens: int64 (documents + 1,), from 0 to N and to M. With `causal`, documents
    have as many queries as keys, and no token sees later ones; with `window`, none further back than that many tokens,
    itself included. H is a multiple of G: neighbouring query heads share one key-value head. Scores, softmax and all
    sums are fp32; products take bf16 pairs where q, k and v are bf16. A query without a key takes 0.

    Raises InvalidInput for borders that do not divide the tokens: the C++ trusts them with memory.
    """
    out_NHK: Tensor = _attention(q_NHK, k_MGK, v_MGK, query_borders, key_borders, scale, causal, window or 0)[
        0
    ]
    return out_NHK


@torch.library.custom_op("catenary::attention", mutates_args=())
def _attention(
    q_NHK: Tensor,
    k_MGK: Tensor,
    v_MGK: Tensor,
    query_borders: Tensor,
    key_borders: Tensor,
    scale: float,
    causal: bool,
    window: int,
) -> tuple[Tensor, Tensor]:
    """The output, and of each score's row log Σ exp, (H, N) fp32."""
    built = library()
    assert built is not None
    q_NHK, k_MGK, v_MGK = _dense(q_NHK), _dense(k_MGK), _dense(v_MGK)
    _agree(q_NHK, k_MGK, v_MGK, query_borders, key_borders, causal)
    (tokens, heads, size), (keys, groups, _) = q_NHK.shape, k_MGK.shape
    out_NHK = torch.empty(tokens, heads, size, dtype=q_NHK.dtype)
    lse_HN = torch.empty(heads, tokens)
    refused = built.attention_forward(
        int(q_NHK.dtype == torch.bfloat16),
        *_addresses(q_NHK, k_MGK, v_MGK, out_NHK, lse_HN),
        *_layout(q_NHK, k_MGK, v_MGK),
        *_shape(query_borders, key_borders, tokens, keys, heads, groups, size, window, scale, causal),
    )
    if refused:
        raise _no_documents(query_borders, key_borders, tokens, keys)
    return out_NHK, lse_HN


@_attention.register_fake
def _(  # type: ignore[no-untyped-def]
    q_NHK, k_MGK, v_MGK, query_borders, key_borders, scale, causal, window
):
    tokens, heads, size = q_NHK.shape
    return q_NHK.new_empty(tokens, heads, size), q_NHK.new_empty(heads, tokens, dtype=torch.float32)


@torch.library.custom_op("catenary::attention_backward", mutates_args=())
def _attention_backward(
    d_out_NHK: Tensor,
    q_NHK: Tensor,
    k_MGK: Tensor,
    v_MGK: Tensor,
    out_NHK: Tensor,
    lse_HN: Tensor,
    query_borders: Tensor,
    key_borders: Tensor,
    scale: float,
    causal: bool,
    window: int,
) -> tuple[Tensor, Tensor, Tensor]:
    built = library()
    assert built is not None
    d_out_NHK, q_NHK, k_MGK, v_MGK = _dense(d_out_NHK), _dense(q_NHK), _dense(k_MGK), _dense(v_MGK)
    out_NHK, lse_HN = out_NHK.contiguous(), lse_HN.contiguous()
    _agree(q_NHK, k_MGK, v_MGK, query_borders, key_borders, causal)
    assert d_out_NHK.shape == out_NHK.shape == q_NHK.shape
    assert d_out_NHK.dtype == out_NHK.dtype == q_NHK.dtype
    (tokens, heads, size), (keys, groups, _) = q_NHK.shape, k_MGK.shape
    assert lse_HN.shape == (heads, tokens)
    d_q, d_k, d_v = (torch.empty(x.shape, dtype=x.dtype) for x in (q_NHK, k_MGK, v_MGK))
    # Heads that share keys write their part of the keys' gradient apart, to be summed in their order.
    apart = [torch.empty(keys, heads, size) if heads != groups else torch.empty(0) for _ in "kv"]
    refused = built.attention_backward(
        int(q_NHK.dtype == torch.bfloat16),
        *_addresses(q_NHK, k_MGK, v_MGK, out_NHK, lse_HN, d_out_NHK, d_q, d_k, d_v, *apart),
        *_layout(q_NHK, k_MGK, v_MGK, d_out_NHK),
        *_shape(query_borders, key_borders, tokens, keys, heads, groups, size, window, scale, causal),
    )
    if refused:
        raise _no_documents(query_borders, key_borders, tokens, keys)
    return d_q, d_k, d_v


@_attention_backward.register_fake
def _(  # type: ignore[no-untyped-def]
    d_out, q, k, v, out, lse, query_borders, key_borders, scale, causal, window
):
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _remember(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    q, k, v, query_borders, key_borders, ctx.scale, ctx.causal, ctx.window = inputs
    ctx.save_for_backward(q, k, v, *output, query_borders, key_borders)


def _differentiate(ctx, d_out, _):  # type: ignore[no-untyped-def]
    q, k, v, out, lse, query_borders, key_borders = ctx.saved_tensors
    slopes = _attention_backward(
        d_out, q, k, v, out, lse, query_borders, key_borders, ctx.scale, ctx.causal, ctx.window
    )
    return *slopes, None, None, None, None, None


_attention.register_autograd(_differentiate, setup_context=_remember)


def _dense(x: Tensor) -> Tensor:
    """With a head's numbers side by side."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _agree(
    q_NHK: Tensor, k_MGK: Tensor, v_MGK: Tensor, query_borders: Tensor, key_borders: Tensor, causal: bool
) -> None:
    """What C++ would only notice by writing beyond a tensor's end."""
    heads, size = q_NHK.shape[1:]
    assert q_NHK.dtype == k_MGK.dtype == v_MGK.dtype
    assert q_NHK.dtype in DTYPES
    assert k_MGK.shape == v_MGK.shape
    assert k_MGK.shape[2] == size <= LARGEST_HEAD
    assert size % lanes() == 0
    assert heads % k_MGK.shape[1] == 0
    same = query_borders.shape == key_borders.shape and query_borders.dim() == 1 and len(query_borders) > 1
    whole = all(one.dtype == torch.int64 and one.is_contiguous() for one in (query_borders, key_borders))
    if not same or not whole or (causal and not torch.equal(query_borders, key_borders)):
        raise _no_documents(query_borders, key_borders, len(q_NHK), len(k_MGK))


def _no_documents(query_borders: Tensor, key_borders: Tensor, tokens: int, keys: int) -> InvalidInput:
    return InvalidInput(
        "The borders do not divide the queries and their keys into the same documents.",
        got=f"{query_borders.tolist()[-4:]}, {key_borders.tolist()[-4:]}",
        expected="as many of both, int64, from 0 to {tokens} and from 0 to {keys}",
        tokens=tokens,
        keys=keys,
    )


def _addresses(*tensors: Tensor) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]


def _layout(*heads: Tensor) -> list[ctypes.Array[ctypes.c_int64]]:
    """Their strides between tokens and between heads, in elements."""
    strides = [stride for x in heads for stride in x.stride()[:2]]
    return [(ctypes.c_int64 * len(strides))(*strides)]


def _shape(
    query_borders: Tensor,
    key_borders: Tensor,
    tokens: int,
    keys: int,
    heads: int,
    groups: int,
    size: int,
    window: int,
    scale: float,
    causal: bool,
) -> list[object]:
    numbers = (len(query_borders) - 1, tokens, keys, heads, groups, size, window)
    return [
        *_addresses(query_borders, key_borders),
        *map(ctypes.c_int64, numbers),
        ctypes.c_float(scale),
        int(causal),
        threads(),
    ]
