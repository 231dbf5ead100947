"""The keys and values of tokens already read, so that the next token costs one token's work.

The cache is a value that the caller makes, passes in and keeps: a model holds none, so one model may serve many
conversations. The forward pass writes into it, and moves `length` on.

    G key-value heads · S tokens of room · K size of a head

    >>> from catenary.models import Cache, build, configure
    >>> import torch
    >>> model = build(configure("gpt2", "nano", vocab_size=100), "clm", seed=1).eval()
    >>> cache = model.empty_cache(rows=1, capacity=16)
    >>> _ = model(torch.tensor([[5, 6, 7]]), cache=cache)
    >>> cache.length
    3
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models.config import TransformerConfig


@dataclass
class LayerCache:
    """One layer's keys and values, (rows, G, S, K) each, and those of the encoder's output once they are known."""

    key_BGSK: Tensor
    value_BGSK: Tensor
    cross_key_BGSK: Tensor | None = None
    cross_value_BGSK: Tensor | None = None

    def extend(self, start: int, key_BGTK: Tensor, value_BGTK: Tensor) -> tuple[Tensor, Tensor]:
        """Write T tokens from `start` on; all keys and values up to their end."""
        end = start + key_BGTK.shape[2]
        self.key_BGSK[:, :, start:end] = key_BGTK
        self.value_BGSK[:, :, start:end] = value_BGTK
        return self.key_BGSK[:, :, :end], self.value_BGSK[:, :, :end]


@dataclass
class Cache:
    """The layers' caches, how many tokens they hold, and what the encoder read, where there is one."""

    layers: list[LayerCache]
    capacity: int
    length: int = 0
    memory: Memory | None = None

    @classmethod
    def empty(
        cls,
        config: TransformerConfig,
        *,
        rows: int,
        capacity: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Cache:
        """Room for `capacity` tokens in each of `rows` rows: 2 · layers · rows · G · capacity · K numbers."""
        side = config.decoder() if config.kind == "encoder-decoder" else config
        shape = (rows, side.num_key_value_heads, capacity, side.head_dim)

        def room() -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        return cls([LayerCache(room(), room()) for _ in range(side.num_hidden_layers)], capacity)

    def room_for(self, tokens: int) -> int:
        """Where the next `tokens` go. InvalidInput where there is no room."""
        if self.length + tokens > self.capacity:
            raise InvalidInput(
                "The cache has no room for {tokens} more tokens.",
                tokens=tokens,
                got=self.length + tokens,
                expected="at most {capacity} tokens",
                capacity=self.capacity,
            )
        return self.length

    def truncate(self, length: int) -> None:
        """Forget the tokens from `length` on (a draft that was refused)."""
        self.length = min(self.length, length)

    def select(self, rows: Tensor) -> Cache:
        """A cache of these rows, in this order (beams that go on; conversations that ended)."""

        def pick(x: Tensor | None) -> Tensor | None:
            return None if x is None else x.index_select(0, rows)

        layers = [
            LayerCache(
                layer.key_BGSK.index_select(0, rows),
                layer.value_BGSK.index_select(0, rows),
                pick(layer.cross_key_BGSK),
                pick(layer.cross_value_BGSK),
            )
            for layer in self.layers
        ]
        memory = None
        if self.memory is not None:
            memory = Memory(self.memory.hidden_BSD.index_select(0, rows), pick(self.memory.mask_BS))
        return Cache(layers, self.capacity, self.length, memory)


@dataclass(frozen=True)
class Memory:
    """What an encoder read: its hidden states (B, S, D) and which of them are tokens (B, S), all where None."""

    hidden_BSD: Tensor
    mask_BS: Tensor | None = None
