"""The layers that hold weights: torch's own, but left empty when made, as `initialise` or a file fills them.

They are `nn.Linear` and `nn.Embedding` to whoever quantises or adapts them.
"""

from __future__ import annotations

from torch import Tensor, nn

from catenary.models.config import TransformerConfig
from catenary.models.kernels import rms_norm, suits_rows


class Linear(nn.Linear):
    """y = x Wᵀ + b"""

    def reset_parameters(self) -> None:
        """Nothing: torch's own draw would be thrown away, and on the meta device takes seconds of imports."""


class Embedding(nn.Embedding):
    """Rows of a table."""

    def reset_parameters(self) -> None:
        """Nothing, as above."""


class RMSNorm(nn.RMSNorm):
    """x / √(mean(x²) + ε) · w   (Zhang and Sennrich 2019)"""

    def forward(self, x: Tensor) -> Tensor:
        fits = x.shape[-1:] == self.weight.shape  # where it does not, torch says so
        if fits and self.eps is not None and suits_rows(x, self.weight, width=x.shape[-1]):
            return rms_norm(x, self.weight, self.eps)
        return super().forward(x)


def norm(config: TransformerConfig) -> nn.LayerNorm | nn.RMSNorm:
    """LayerNorm, (x − mean) / √(var + ε) · w + b   (Ba et al. 2016), or RMSNorm"""
    if config.norm == "rms":
        return RMSNorm(config.hidden_size, eps=config.norm_eps)
    return nn.LayerNorm(config.hidden_size, eps=config.norm_eps)
