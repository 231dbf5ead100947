"""The layers that hold weights: torch's own, but left empty when made, as `initialise` or a file fills them.

They are `nn.Linear` and `nn.Embedding` to whoever quantises or adapts them.
"""

from __future__ import annotations

from torch import nn

from catenary.models.config import TransformerConfig


class Linear(nn.Linear):
    """y = x Wᵀ + b"""

    def reset_parameters(self) -> None:
        """Nothing: torch's own draw would be thrown away, and on the meta device takes seconds of imports."""


class Embedding(nn.Embedding):
    """Rows of a table."""

    def reset_parameters(self) -> None:
        """Nothing, as above."""


def norm(config: TransformerConfig) -> nn.LayerNorm | nn.RMSNorm:
    """LayerNorm: (x − mean) / √(var + ε) · w + b   (Ba et al. 2016);  RMSNorm: x / √(mean(x²) + ε) · w   (Zhang and
    Sennrich 2019)"""
    if config.norm == "rms":
        return nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
    return nn.LayerNorm(config.hidden_size, eps=config.norm_eps)
