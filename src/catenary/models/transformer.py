"""The Transformer: embeddings, a stack of blocks, and encoder and decoder together (Vaswani et al. 2017).

    B batch · T tokens · S tokens of the memory or the cache · H heads · D hidden size · F width of the feed-forward

Module names are Llama's in Hugging Face, whichever the family: `layers.0.self_attn.q_proj.weight`. What other
families call them stands in `families/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import Tensor, nn

from catenary.errors import InvalidInput
from catenary.models.attention import Attention, View, causal_mask
from catenary.models.cache import Cache, LayerCache, Memory
from catenary.models.config import TransformerConfig
from catenary.models.documents import Documents, padded_borders
from catenary.models.kernels import fits, gated_silu, suits_rows
from catenary.models.layers import Embedding, Linear, norm
from catenary.models.positions import RelativeBias, Rotary, Sinusoidal

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,  # Hendrycks and Gimpel 2016 (1606.08415)
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,  # Elfwing et al. 2017 (1702.03118)
    "tanh": torch.tanh,
}


class FeedForward(nn.Module):
    """MLP(x) = act(x W_up) W_down, or gated: (act(x W_gate) ⊙ x W_up) W_down   (Shazeer 2020, GLU variants)"""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d, f, bias = config.hidden_size, config.intermediate_size, config.mlp_bias
        self.gate_proj = Linear(d, f, bias=bias) if config.gated else None
        self.up_proj = Linear(d, f, bias=bias)
        self.down_proj = Linear(f, d, bias=bias)
        self.activation = ACTIVATIONS[config.activation]
        self.dropout = nn.Dropout(config.activation_dropout)

    def forward(self, x_BTD: Tensor) -> Tensor:
        if self.gate_proj is None:
            h_BTF = self.activation(self.up_proj(x_BTD))
        else:
            h_BTF = self._gated(self.gate_proj(x_BTD), self.up_proj(x_BTD))
        return self.down_proj(self.dropout(h_BTF))  # type: ignore[no-any-return]

    def _gated(self, gate_BTF: Tensor, up_BTF: Tensor) -> Tensor:
        if self.activation is F.silu and suits_rows(gate_BTF, up_BTF, width=gate_BTF.shape[-1]):
            return gated_silu(gate_BTF, up_BTF)
        return self.activation(gate_BTF) * up_BTF


class Block(nn.Module):
    """One layer. Pre-norm: x + f(norm(x)); post-norm: norm(x + f(x)), for f in attention, cross-attention, MLP.

    The original puts the norm after (Vaswani et al. 2017); before trains more stably (Xiong et al. 2020).
    """

    def __init__(self, config: TransformerConfig, *, cross: bool, window: int | None = None) -> None:
        super().__init__()
        self.pre = config.norm_at == "pre"
        self.self_attn = Attention(config, window=window)
        self.input_layernorm = norm(config)
        self.cross_attn = Attention(config, cross=True) if cross else None
        self.cross_attn_layernorm = norm(config) if cross else None
        self.mlp = FeedForward(config)
        self.post_attention_layernorm = norm(config)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(
        self,
        x_BTD: Tensor,
        view: View,
        memory_BSD: Tensor | None = None,
        memory_view: View | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        if self.pre:  # x + f(norm(x))
            x_BTD = x_BTD + self.dropout(self.self_attn(self.input_layernorm(x_BTD), view, cache=cache))
            if self.cross_attn is not None and self.cross_attn_layernorm is not None:
                h_BTD = self.cross_attn(self.cross_attn_layernorm(x_BTD), memory_view, memory_BSD, cache)
                x_BTD = x_BTD + self.dropout(h_BTD)
            return x_BTD + self.dropout(self.mlp(self.post_attention_layernorm(x_BTD)))  # type: ignore[no-any-return]
        # norm(x + f(x))
        x_BTD = self.input_layernorm(x_BTD + self.dropout(self.self_attn(x_BTD, view, cache=cache)))
        if self.cross_attn is not None and self.cross_attn_layernorm is not None:
            h_BTD = self.cross_attn(x_BTD, memory_view, memory_BSD, cache)
            x_BTD = self.cross_attn_layernorm(x_BTD + self.dropout(h_BTD))
        return self.post_attention_layernorm(x_BTD + self.dropout(self.mlp(x_BTD)))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Tokens:
    """What goes into a stack: ids or their embeddings, and what is known of them."""

    input_ids_BT: Tensor | None = None
    inputs_embeds_BTD: Tensor | None = None
    attention_mask_BS: Tensor | None = None  # 1 for tokens, 0 for padding; past tokens (cache) included
    token_type_ids_BT: Tensor | None = None
    position_ids_BT: Tensor | None = None
    documents: Documents | None = None  # then B is 1


class Stack(nn.Module):
    """Embeddings, blocks and the final norm: a whole encoder (BERT), a whole decoder (Llama), or a side of T5."""

    def __init__(
        self, config: TransformerConfig, *, causal: bool, cross: bool = False, own_embeddings: bool = True
    ) -> None:
        super().__init__()
        self.causal, self.pad_token_id = causal, config.pad_token_id or 0
        self.position_offset = config.position_offset
        self.positions_skip_padding = config.positions_skip_padding
        self.max_positions = config.max_position_embeddings
        self.window = config.sliding_window
        self.embedding_scale = math.sqrt(config.hidden_size) if config.embedding_scaled else None

        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size) if own_embeddings else None
        places = config.max_position_embeddings + config.position_offset
        self.embed_positions: nn.Module | None = None
        if config.position == "learned":
            self.embed_positions = Embedding(places, config.hidden_size)
        elif config.position == "sinusoidal":
            self.embed_positions = Sinusoidal(places, config.hidden_size)
        self.embed_token_types = (
            Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        )
        self.embed_norm = norm(config) if config.embedding_norm else None
        dropout = config.embedding_dropout
        self.dropout = nn.Dropout(config.hidden_dropout if dropout is None else dropout)
        self.rotary = (
            Rotary(config.head_dim, config.rope_theta, config.rope_scaling, config.max_position_embeddings)
            if config.position == "rotary"
            else None
        )
        self.relative_attention_bias = (
            RelativeBias(
                config.relative_buckets,
                config.relative_max_distance,
                config.num_attention_heads,
                bidirectional=not causal,
            )
            if config.position == "relative"
            else None
        )
        self.layers = nn.ModuleList(
            Block(
                config,
                cross=cross,
                window=config.sliding_window if layer >= config.sliding_from_layer else None,
            )
            for layer in range(config.num_hidden_layers)
        )
        self.norm = norm(config) if config.final_norm else None

    def forward(
        self,
        tokens: Tokens,
        *,
        embed: Embedding | None = None,
        memory: Memory | None = None,
        memory_documents: Documents | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """The hidden states, (B, T, D). `embed` is the token embedding that two stacks share."""
        embed = embed or self.embed_tokens
        assert embed is not None
        x_BTD = embed(tokens.input_ids_BT) if tokens.inputs_embeds_BTD is None else tokens.inputs_embeds_BTD
        start = 0 if cache is None else cache.room_for(x_BTD.shape[1])
        position_BT = self._positions(tokens, x_BTD, start)
        x_BTD = self._embedded(x_BTD, tokens, position_BT)
        view = self._view(tokens, x_BTD, position_BT, start)
        memory_BSD, memory_view = None, None
        if memory is not None:
            memory_BSD = memory.hidden_BSD
            mask = None if memory.mask_BS is None else memory.mask_BS[:, None, None, :].bool()
            memory_view = View(mask=mask, documents=tokens.documents, key_documents=memory_documents)
        caches = [None] * len(self.layers) if cache is None else cache.layers
        for layer, layer_cache in zip(self.layers, caches, strict=True):
            x_BTD = layer(x_BTD, view, memory_BSD, memory_view, layer_cache)
        if cache is not None:
            cache.length = start + x_BTD.shape[1]
        return x_BTD if self.norm is None else self.norm(x_BTD)

    def _embedded(self, x_BTD: Tensor, tokens: Tokens, position_BT: Tensor) -> Tensor:
        if self.embedding_scale is not None:
            x_BTD = x_BTD * self.embedding_scale
        if self.embed_token_types is not None:
            types_BT = tokens.token_type_ids_BT
            if types_BT is None:
                types_BT = torch.zeros(x_BTD.shape[:2], dtype=torch.long, device=x_BTD.device)
            x_BTD = x_BTD + self.embed_token_types(types_BT)
        if self.embed_positions is not None:
            x_BTD = x_BTD + self.embed_positions(position_BT + self.position_offset).to(x_BTD.dtype)
        if self.embed_norm is not None:
            x_BTD = self.embed_norm(x_BTD)
        return self.dropout(x_BTD)  # type: ignore[no-any-return]

    def _positions(self, tokens: Tokens, x_BTD: Tensor, start: int) -> Tensor:
        """(B or 1, T): each token's place, from 0."""
        length, device = x_BTD.shape[1], x_BTD.device
        if self.embed_positions is not None and not torch.compiler.is_compiling():
            self._check_length(tokens, start + length)
        if tokens.position_ids_BT is not None:
            return tokens.position_ids_BT
        if tokens.documents is not None:
            return tokens.documents.positions(device)[None]
        if self.positions_skip_padding and tokens.input_ids_BT is not None:
            real_BT = tokens.input_ids_BT.ne(self.pad_token_id).long()
            return real_BT.cumsum(dim=1) * real_BT - 1  # padding stands at −1: the row before position 0
        return torch.arange(start, start + length, device=device)[None]

    def _check_length(self, tokens: Tokens, longest: int) -> None:
        """InvalidInput where the table of positions has too few rows for the longest text."""
        if tokens.position_ids_BT is not None:  # rows padded on the left have more tokens than places
            longest = int(tokens.position_ids_BT.max()) + 1
        elif tokens.documents is not None:
            longest = max(tokens.documents.lengths)
        if longest > self.max_positions:
            raise InvalidInput(
                "The text is longer than the model has positions.",
                got=longest,
                expected="at most {tokens} tokens",
                tokens=self.max_positions,
            )

    def _view(self, tokens: Tokens, x_BTD: Tensor, position_BT: Tensor, start: int) -> View:
        queries, device = x_BTD.shape[1], x_BTD.device
        keys = start + queries
        rotary = None if self.rotary is None else self.rotary(position_BT, x_BTD.dtype)
        if tokens.documents is not None:
            bias = self._bias_within(tokens.documents, device)
            return View(causal=self.causal, rotary=rotary, documents=tokens.documents, bias_1HTS=bias)

        # Without documents: a mask of padding (B, 1, 1, S), one of order (T, S), or both.
        mask = None if tokens.attention_mask_BS is None else tokens.attention_mask_BS[:, None, None, :].bool()
        order: Tensor | None = None  # who comes before whom
        if (
            self.causal
            and queries > 1
            and (start > 0 or mask is not None or self.relative_attention_bias is not None)
        ):
            order = causal_mask(queries, keys, device)
        visible = both(mask, order)
        windowed = visible
        if self.window is not None and keys > self.window:
            windowed = both(mask, causal_mask(queries, keys, device, self.window))
        if self.relative_attention_bias is not None:
            bias = self.relative_attention_bias(queries, keys)
            visible = bias if visible is None else hidden_from(bias, visible)
        # SDPA takes either its own causal mask or one given: a window's mask holds the order too.
        causal = self.causal and queries > 1
        borders = None  # in training, padding on the right is one more document, which the kernel keeps apart
        given = tokens.attention_mask_BS
        whole = given is not None and start == 0 and given.shape == x_BTD.shape[:2]
        if given is not None and whole and torch.is_grad_enabled() and fits(x_BTD):
            borders = padded_borders(given) if self.relative_attention_bias is None else None
        return View(
            causal=causal,
            mask=visible,
            windowed_mask=windowed,
            rotary=rotary,
            row_borders=borders,
            start=start,
        )

    def _bias_within(self, documents: Documents, device: torch.device) -> Tensor | None:
        """The relative bias of the longest document, order included: shorter ones take its first rows and columns."""
        if self.relative_attention_bias is None:
            return None
        longest = max(documents.lengths)
        bias_1HTS: Tensor = self.relative_attention_bias(longest, longest)
        return hidden_from(bias_1HTS, causal_mask(longest, longest, device)) if self.causal else bias_1HTS


class EncoderDecoder(nn.Module):
    """An encoder that reads, and a decoder that writes looking at what was read (Vaswani et al. 2017, fig. 1).

    With `writes` false it is the encoder alone, for heads that look no further.
    """

    def __init__(self, config: TransformerConfig, *, writes: bool = True) -> None:
        super().__init__()
        self.shared = Embedding(config.vocab_size, config.hidden_size)
        self.encoder = Stack(config, causal=False, own_embeddings=False)
        self.decoder = (
            Stack(config.decoder(), causal=True, cross=True, own_embeddings=False) if writes else None
        )

    def encode(self, tokens: Tokens) -> Memory:
        """What the decoder looks at: (B, S, D) and its mask."""
        return Memory(self.encoder(tokens, embed=self.shared), tokens.attention_mask_BS)

    def decode(
        self,
        tokens: Tokens,
        memory: Memory,
        *,
        memory_documents: Documents | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """The decoder's hidden states, (B, T, D)."""
        assert self.decoder is not None
        return self.decoder(  # type: ignore[no-any-return]
            tokens, embed=self.shared, memory=memory, memory_documents=memory_documents, cache=cache
        )


def both(mask: Tensor | None, other: Tensor | None) -> Tensor | None:
    """True where both are; None is True everywhere."""
    if mask is None or other is None:
        return other if mask is None else mask
    return mask & other


def hidden_from(bias: Tensor, visible: Tensor) -> Tensor:
    """`bias` with the lowest number there is where a key is not visible."""
    return bias.masked_fill(~visible, torch.finfo(bias.dtype).min)
