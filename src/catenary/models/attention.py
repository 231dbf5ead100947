"""Attention: what each token takes from the others.

B batch · T tokens (queries) · S tokens (keys) · H heads · G key-value heads · K size of a head · D hidden size
E all heads side by side, H · K
N tokens of a packed batch, its documents one after the other
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import Tensor, nn

from catenary.models.cache import LayerCache
from catenary.models.config import TransformerConfig
from catenary.models.documents import Documents
from catenary.models.kernels import packed_attention, suits
from catenary.models.layers import Linear, RMSNorm
from catenary.models.positions import rotate

Watcher = Callable[[Tensor], None]  # is given attention weights, (B, H, T, S)

# The backward pass of torch's fused CPU attention (2.13) takes another path from 192 queries on: below it is up to
# 2.3 × slower in bf16 than in fp32, from there on as fast or faster.
FUSED_BF16_TOKENS = 192


@dataclass(frozen=True)
class View:
    """What the tokens of one forward pass may look at; computed once, shared by all layers.

    A mask is True where a query may look at a key, or a number added to its score; it broadcasts to (B, H, T, S);
    None: everywhere. `causal` alone (no mask) means that no token looks at later ones. `documents` keeps the tokens
    of a packed batch to their own document: of the queries, and of the keys where those differ.
    """

    causal: bool = False
    mask: Tensor | None = None
    windowed_mask: Tensor | None = None  # for the layers with a sliding window
    rotary: tuple[Tensor, Tensor] | None = None
    documents: Documents | None = None
    key_documents: Documents | None = None
    bias_1HTS: Tensor | None = None  # of the longest document, in a packed batch
    row_borders: Tensor | None = None  # where texts and their padding end, in a batch padded on the right
    start: int = 0  # tokens already in the cache


def attend(
    q_BHTK: Tensor,
    k_BGSK: Tensor,
    v_BGSK: Tensor,
    *,
    scale: float,
    causal: bool = False,
    mask: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Attention(Q, K, V) = softmax(Q Kᵀ · scale + mask) V   (Vaswani et al. 2017, eq. 1: scale = 1/√K)

    With fewer key-value heads than query heads (G < H), H/G neighbouring query heads share one
    (grouped-query attention, Ainslie et al. 2023). Shape (B, H, T, K).
    """
    short = q_BHTK.shape[2] < FUSED_BF16_TOKENS
    if short and q_BHTK.dtype == torch.bfloat16 and q_BHTK.requires_grad and q_BHTK.device.type == "cpu":
        q, k, v = q_BHTK.float(), k_BGSK.float(), v_BGSK.float()
        mask = mask if mask is None or mask.dtype == torch.bool else mask.float()
        return attend(q, k, v, scale=scale, causal=causal, mask=mask, dropout=dropout).bfloat16()
    heads, groups, tokens = q_BHTK.shape[1], k_BGSK.shape[1], q_BHTK.shape[2]
    if heads == groups:
        return F.scaled_dot_product_attention(
            q_BHTK, k_BGSK, v_BGSK, attn_mask=mask, dropout_p=dropout, is_causal=causal, scale=scale
        )
    if tokens == 1 and (mask is None or mask.shape[1] == 1):
        # One new token: the query heads of a group become rows of one query, and no key is copied.
        q_BGRK = q_BHTK.reshape(q_BHTK.shape[0], groups, heads // groups, q_BHTK.shape[3])
        out_BGRK = F.scaled_dot_product_attention(
            q_BGRK, k_BGSK, v_BGSK, attn_mask=mask, dropout_p=dropout, scale=scale
        )
        return out_BGRK.reshape(q_BHTK.shape)
    return F.scaled_dot_product_attention(
        q_BHTK,
        k_BGSK,
        v_BGSK,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=causal,
        scale=scale,
        enable_gqa=True,
    )


def attention_weights(
    q_BHTK: Tensor, k_BGSK: Tensor, *, scale: float, causal: bool = False, mask: Tensor | None = None
) -> Tensor:
    """softmax(Q Kᵀ · scale + mask), (B, H, T, S): for explanations; `attend` never holds it."""
    k_BHSK = k_BGSK.repeat_interleave(q_BHTK.shape[1] // k_BGSK.shape[1], dim=1)
    score_BHTS = (q_BHTK @ k_BHSK.transpose(-1, -2)).float() * scale
    if causal:
        score_BHTS = score_BHTS.masked_fill(
            ~causal_mask(q_BHTK.shape[2], k_BGSK.shape[2], q_BHTK.device), -math.inf
        )
    if mask is not None:
        score_BHTS = (
            score_BHTS.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else score_BHTS + mask
        )
    return score_BHTS.softmax(dim=-1).nan_to_num(0.0)


def joined(y_BHTK: Tensor) -> Tensor:
    """The heads' answers side by side, (B, T, E)."""
    return y_BHTK.transpose(1, 2).flatten(2)


def causal_mask(queries: int, keys: int, device: torch.device, window: int | None = None) -> Tensor:
    """(T, S), True where a key is not after its query (nor `window` or more before it); the queries come last."""
    place_T1 = torch.arange(keys - queries, keys, device=device)[:, None]
    place_1S = torch.arange(keys, device=device)[None, :]
    mask_TS = place_1S <= place_T1
    return mask_TS if window is None else mask_TS & (place_1S > place_T1 - window)


class Attention(nn.Module):
    """Multi-head attention: heads look in parallel, each in its own K coordinates (Vaswani et al. 2017, §3.2.2).

    head_h = Attention(x W_q, m W_k, m W_v);  MultiHead = concat(head_1 … head_H) W_o

    The memory m is x itself (self-attention) or the encoder's output (cross-attention).
    """

    def __init__(self, config: TransformerConfig, *, cross: bool = False, window: int | None = None) -> None:
        super().__init__()
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = config.head_dim
        self.scale = config.head_dim**-0.5 if config.attention_scaled else 1.0
        self.dropout = config.attention_dropout
        self.cross, self.window = cross, window
        bias = config.attention_bias
        self.q_proj = Linear(config.hidden_size, self.heads * self.head_dim, bias=bias)
        self.k_proj = Linear(config.hidden_size, self.groups * self.head_dim, bias=bias)
        self.v_proj = Linear(config.hidden_size, self.groups * self.head_dim, bias=bias)
        self.o_proj = Linear(
            self.heads * self.head_dim, config.hidden_size, bias=config.attention_output_bias
        )
        # Norms on queries and keys keep the scores from growing (Henry et al. 2020; Qwen3).
        self.q_norm = RMSNorm(self.head_dim, eps=config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(self.head_dim, eps=config.norm_eps) if config.qk_norm else None
        self.watcher: Watcher | None = None

    def forward(
        self, x_BTD: Tensor, view: View, memory_BSD: Tensor | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        # q = x W_q,  k = m W_k,  v = m W_v, cut into heads
        q_BHTK = self._heads(self.q_proj(x_BTD), self.q_norm)
        if view.rotary is not None:
            q_BHTK = rotate(q_BHTK, *view.rotary)
        k_BGSK, v_BGSK = self._keys_values(x_BTD if memory_BSD is None else memory_BSD, view, cache)

        # head_h = Attention(q_h, k_h, v_h): everywhere, within each document, or the same in one compiled call
        mask = view.mask if self.window is None else view.windowed_mask
        if self._borders_suffice(view, mask) and suits(q_BHTK, k_BGSK, v_BGSK):
            y_BTE = self._in_tiles(q_BHTK, k_BGSK, v_BGSK, view)
        elif view.documents is None:
            y_BTE = joined(self._look(q_BHTK, k_BGSK, v_BGSK, view.causal and mask is None, mask))
        else:
            look, keys = partial(self._look_within, view), view.key_documents or view.documents
            y_BTE = joined(view.documents.attend(look, q_BHTK, k_BGSK, v_BGSK, keys))

        # concat(head_1 … head_H) W_o
        return self.o_proj(y_BTE)  # type: ignore[no-any-return]

    def _heads(self, x_BTD: Tensor, norm: nn.Module | None = None) -> Tensor:
        x_BTHK = x_BTD.view(*x_BTD.shape[:2], -1, self.head_dim)
        if norm is not None:
            x_BTHK = norm(x_BTHK)
        return x_BTHK.transpose(1, 2)

    def _keys_values(self, m_BSD: Tensor, view: View, cache: LayerCache | None) -> tuple[Tensor, Tensor]:
        if self.cross and cache is not None and cache.cross_key_BGSK is not None:
            assert cache.cross_value_BGSK is not None
            return cache.cross_key_BGSK, cache.cross_value_BGSK
        k_BGSK, v_BGSK = self._heads(self.k_proj(m_BSD), self.k_norm), self._heads(self.v_proj(m_BSD))
        if view.rotary is not None:
            k_BGSK = rotate(k_BGSK, *view.rotary)
        if cache is None:
            return k_BGSK, v_BGSK
        if self.cross:
            cache.cross_key_BGSK, cache.cross_value_BGSK = k_BGSK, v_BGSK
            return k_BGSK, v_BGSK
        return cache.extend(view.start, k_BGSK, v_BGSK)

    def _borders_suffice(self, view: View, mask: Tensor | None) -> bool:
        """Whether order, window and borders say who sees whom, and the weights are neither asked for nor dropped."""
        bordered = view.row_borders is not None or (mask is None and view.bias_1HTS is None)
        return bordered and self.watcher is None and (self.dropout == 0 or not self.training)

    def _in_tiles(self, q_BHTK: Tensor, k_BGSK: Tensor, v_BGSK: Tensor, view: View) -> Tensor:
        """All rows, or all documents, in one call of the compiled kernel: (B, T, E)."""
        rows, tokens, keys = q_BHTK.shape[0], q_BHTK.shape[2], k_BGSK.shape[2]
        if view.row_borders is not None:
            borders = key_borders = view.row_borders
        elif view.documents is None:
            row = torch.arange(rows + 1)
            borders, key_borders = row * tokens, row * keys
        else:
            borders, key_borders = view.documents.borders, (view.key_documents or view.documents).borders
        y_NHK = packed_attention(
            q_BHTK.transpose(1, 2).flatten(0, 1),
            k_BGSK.transpose(1, 2).flatten(0, 1),
            v_BGSK.transpose(1, 2).flatten(0, 1),
            borders,
            key_borders,
            scale=self.scale,
            causal=view.causal,
            window=self.window,
        )
        return y_NHK.view(rows, tokens, -1)

    def _look(self, q: Tensor, k: Tensor, v: Tensor, causal: bool, mask: Tensor | None) -> Tensor:
        if self.watcher is not None:
            self.watcher(attention_weights(q, k, scale=self.scale, causal=causal, mask=mask))
        dropout = self.dropout if self.training else 0.0
        return attend(q, k, v, scale=self.scale, causal=causal, mask=mask, dropout=dropout)

    def _look_within(self, view: View, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """One document's queries on its own keys."""
        tokens, keys = q.shape[2], k.shape[2]
        if view.bias_1HTS is not None:
            return self._look(q, k, v, False, view.bias_1HTS[:, :, :tokens, :keys])
        if self.window is not None and keys > self.window:
            return self._look(q, k, v, False, causal_mask(tokens, keys, q.device, self.window))
        return self._look(q, k, v, view.causal, None)
