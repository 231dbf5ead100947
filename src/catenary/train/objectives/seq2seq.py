"""Sequence to sequence: write the target, having read the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.train.dealing import HeldOut
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.targets import IGNORED, measured, smoothed
from catenary.train.pairs import PairBatch

# Logits are computed at a multiple of this many places; see `batches.LENGTH_STEP`.
PLACES_STEP = 64


@dataclass(frozen=True)
class Seq2Seq:
    """Say each token of the target, given the source and the tokens before it (Sutskever et al. 2014).

    `label_smoothing` ε moves that much of the target from the token to all alike (Vaswani et al. 2017, §5.4).
    """

    label_smoothing: float = 0.0

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["seq2seq", self.label_smoothing])

    def predicted(
        self, model: nn.Module, batch: PairBatch, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(logits (M, V) at the places that count, what stands there (M,)); IGNORED fills up M."""
        return written(model, batch)

    def loss(self, model: nn.Module, batch: PairBatch, generator: torch.Generator) -> Loss:
        """L = −1/M Σ log p(target token | source, those before it), smoothed."""
        return smoothed(*self.predicted(model, batch, generator), self.label_smoothing)

    @torch.no_grad()
    def measure(self, model: nn.Module, held_out: HeldOut[PairBatch]) -> Mapping[str, float]:
        """`loss` (without smoothing) a token, and `accuracy` of the next token given the right ones before."""
        model.eval()
        return measured(written(model, batch) for batch in held_out.in_order())


def written(model: nn.Module, batch: PairBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """(logits (M, V), targets (M,)) of a batch."""
    targets = batch.targets_BT.flatten()
    places = (targets != IGNORED).nonzero()[:, 0]
    filler = -len(places) % PLACES_STEP
    output = model(
        batch.source_BS,
        batch.source_mask_BS,
        decoder_input_ids=batch.decoder_input_ids_BT,
        logits_at=F.pad(places, (0, filler)),
    )
    return output.logits, F.pad(targets[places], (0, filler), value=IGNORED)
