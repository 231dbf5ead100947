"""Preferences: make the better of two replies likelier than the worse, and stay near where one started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import Tensor, nn

from catenary.digest import digest
from catenary.train.conversations import TalkBatch
from catenary.train.dealing import HeldOut
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.reply import replied
from catenary.train.objectives.targets import IGNORED

if TYPE_CHECKING:
    from catenary.train.preferences import PreferenceBatch


@dataclass(frozen=True)
class Preferred:
    """Direct preference optimisation (Rafailov et al. 2023, 2305.18290, eq. 7).

        L = −log σ(β (r_better − r_worse)),   r = log p(reply | prompt) − log p_reference(reply | prompt)

    With `label_smoothing` ε a preference is thought wrong that often: (1 − ε) L(better, worse) + ε L(worse, better)
    (conservative DPO, Mitchell 2023, https://ericmitchell.ai/cdpo.pdf, eq. 3).
    """

    beta: float
    label_smoothing: float = 0.0

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["preferred", self.beta, self.label_smoothing])

    def loss(self, model: nn.Module, batch: PreferenceBatch, generator: torch.Generator) -> Loss:
        """The mean over the pairs."""
        margin_B = self._margins(model, batch)
        right, wrong = -F.logsigmoid(margin_B), -F.logsigmoid(-margin_B)
        return Loss(((1 - self.label_smoothing) * right + self.label_smoothing * wrong).mean(), len(margin_B))

    @torch.no_grad()
    def measure(self, model: nn.Module, held_out: HeldOut[PreferenceBatch]) -> Mapping[str, float]:
        """`loss` (without smoothing), the mean `margin` β (r_better − r_worse), and `accuracy`: how often it is > 0."""
        model.eval()
        margins = torch.cat([self._margins(model, batch) for batch in held_out.in_order()])
        return {
            "loss": -F.logsigmoid(margins).mean().item(),
            "margin": margins.mean().item(),
            "accuracy": (margins > 0).float().mean().item(),
        }

    def _margins(self, model: nn.Module, batch: PreferenceBatch) -> Tensor:
        """β (r_better − r_worse), (B,)."""
        gain_2B = reply_log_probs(model, batch.talks) - batch.reference_2B
        better_B, worse_B = gain_2B.chunk(2)
        return self.beta * (better_B - worse_B)


def reply_log_probs(model: nn.Module, batch: TalkBatch) -> Tensor:
    """log p of all that is said in each conversation, (conversations,), fp32."""
    logits_MV, targets_M = replied(model, batch)
    said_M = -F.cross_entropy(logits_MV.float(), targets_M, reduction="none")
    places_M = (batch.targets_N != IGNORED).nonzero()[:, 0]
    whose_M = torch.searchsorted(batch.cu_seqlens, places_M, right=True) - 1
    return said_M.new_zeros(len(batch.documents)).index_add(0, whose_M, said_M)
