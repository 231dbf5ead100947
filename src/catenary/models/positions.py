"""Where a token stands: sinusoidal tables, rotary angles and relative distances. (Learned positions are an embedding.)

B batch · T tokens (queries) · S tokens (keys) · H heads · K size of a head · D hidden size
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from catenary.models.config import RotaryScaling
from catenary.models.kernels import suits_rows, turned


def sinusoidal_table(length: int, hidden_size: int) -> Tensor:
    """(length, hidden_size) of sines, then cosines, as Marian lays them out.

    PE(t, i) = sin(t / 10000^(2i/D)), PE(t, D/2 + i) = cos(t / 10000^(2i/D))   (Vaswani et al. 2017, §3.5)
    """
    half = hidden_size // 2 + hidden_size % 2
    place_T1 = torch.arange(length, dtype=torch.float64)[:, None]
    angle_TK = place_T1 / 10_000 ** (2 * torch.arange(half, dtype=torch.float64) / hidden_size)
    return torch.cat([angle_TK.sin(), angle_TK.cos()[:, : hidden_size - half]], dim=1).to(torch.float32)


class Computed(nn.Module):
    """Numbers that are computed, never learned or loaded: real while a model is laid out on the meta device, and in
    fp32 whatever the model's dtype (at place 1000 an angle in bf16 is off by radians)."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.values = self.values.to(fn(torch.empty(0)).device)
        return self


class Sinusoidal(Computed):
    """Rows of the sinusoidal table."""

    def __init__(self, length: int, hidden_size: int) -> None:
        with torch.device("cpu"):
            super().__init__(sinusoidal_table(length, hidden_size))

    def forward(self, position_BT: Tensor) -> Tensor:
        return self.values[position_BT]


class Rotary(Computed):
    """Rotary angles: each pair of a head's coordinates turns with the token's place (Su et al. 2021, §3.2).

    θ_i = theta^(−2i/K);  query and key at position t are turned by t·θ_i, so that their product depends on the
    distance alone.
    """

    def __init__(
        self, head_dim: int, theta: float, scaling: RotaryScaling | None, max_positions: int
    ) -> None:
        with torch.device("cpu"):
            frequency_K = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
            magnitude = 1.0
            if scaling is not None:
                frequency_K, magnitude = _stretched(frequency_K, head_dim, theta, scaling, max_positions)
        super().__init__(frequency_K)
        self.magnitude = magnitude

    def forward(self, position_BT: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and sines, (B, 1, T, K) each, for `rotate`. Angles are always computed in fp32."""
        angle_BTK = position_BT[..., None].float() * self.values
        angle_B1TK = torch.cat([angle_BTK, angle_BTK], dim=-1)[:, None]
        return (angle_B1TK.cos() * self.magnitude).to(dtype), (angle_B1TK.sin() * self.magnitude).to(dtype)


def rotate(x_BHTK: Tensor, cos_B1TK: Tensor, sin_B1TK: Tensor) -> Tensor:
    """x turned by its angles: coordinate i is paired with i + K/2, as Hugging Face's checkpoints are laid out."""
    rows, heads, tokens, size = x_BHTK.shape
    aligned = cos_B1TK.shape in ((1, 1, tokens, size), (rows, 1, tokens, size))
    if aligned and suits_rows(x_BHTK.transpose(1, 2), cos_B1TK, sin_B1TK, width=size // 2):
        x_NHK = x_BHTK.transpose(1, 2).flatten(0, 1)
        y_NHK = turned(x_NHK, cos_B1TK.reshape(-1, size), sin_B1TK.reshape(-1, size))
        return y_NHK.view(rows, tokens, heads, size).transpose(1, 2)
    first, second = x_BHTK.chunk(2, dim=-1)
    return x_BHTK * cos_B1TK + torch.cat([-second, first], dim=-1) * sin_B1TK


def _stretched(
    frequency_K: Tensor, head_dim: int, theta: float, scaling: RotaryScaling, max_positions: int
) -> tuple[Tensor, float]:
    """The frequencies and the magnitude of cosines and sines under `scaling`."""
    if scaling.rope_type == "linear":  # positions are divided, which is the same as slower turning
        return frequency_K / scaling.factor, 1.0
    trained = scaling.original_max_position_embeddings or max_positions
    if scaling.rope_type == "llama3":
        # Slow turns (longer than trained / low_freq_factor tokens) are stretched, quick ones kept, and those
        # between blended.
        turns_K = trained * frequency_K / (2 * math.pi)
        blend_K = (turns_K - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
        blend_K = blend_K.clamp(0, 1)
        return (1 - blend_K) * frequency_K / scaling.factor + blend_K * frequency_K, 1.0
    # yarn: the pair that makes `beta` turns over the trained length marks the ramp's ends (2309.00071, §3.2)
    low, high = (
        head_dim * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(theta))
        for turns in (scaling.beta_fast, scaling.beta_slow)
    )
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    pair_K = torch.arange(head_dim // 2, dtype=torch.float32)
    ramp_K = ((pair_K - low) / max(high - low, 0.001)).clamp(0, 1)
    magnitude = scaling.attention_factor
    if magnitude is None:
        magnitude = 0.1 * math.log(scaling.factor) + 1.0 if scaling.factor > 1 else 1.0
    return frequency_K / scaling.factor * ramp_K + frequency_K * (1 - ramp_K), magnitude


class RelativeBias(nn.Module):
    """A learned number for each head and bucketed distance, added to the scores (Raffel et al. 2020, T5, §2.1)."""

    def __init__(self, buckets: int, max_distance: int, heads: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.buckets, self.max_distance, self.bidirectional = buckets, max_distance, bidirectional
        self.weight = nn.Parameter(torch.empty(buckets, heads))

    def forward(self, queries: int, keys: int) -> Tensor:
        """(1, H, T, S): the queries are the last `queries` of `keys` positions."""
        place_T1 = torch.arange(keys - queries, keys, device=self.weight.device)[:, None]
        place_1S = torch.arange(keys, device=self.weight.device)[None, :]
        bias_TSH = self.weight[self._bucket(place_1S - place_T1)]
        return bias_TSH.permute(2, 0, 1)[None]

    def _bucket(self, distance_TS: Tensor) -> Tensor:
        """Half of the buckets hold exact distances, the other half ever wider ranges up to max_distance."""
        buckets = self.buckets
        bucket_TS = torch.zeros_like(distance_TS)
        if self.bidirectional:
            buckets //= 2
            bucket_TS = (distance_TS > 0).long() * buckets
            distance_TS = distance_TS.abs()
        else:
            distance_TS = -distance_TS.clamp(max=0)
        exact = buckets // 2
        wide_TS = exact + (
            torch.log(distance_TS.clamp(min=1).float() / exact)
            / math.log(self.max_distance / exact)
            * (buckets - exact)
        ).long().clamp(max=buckets - exact - 1)
        return bucket_TS + torch.where(distance_TS < exact, distance_TS, wide_TS)
