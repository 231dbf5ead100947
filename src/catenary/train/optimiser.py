"""What moves the weights: AdamW, SGD, Adafactor or Muon, over a model's flat masters or the matrices in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from catenary.train.settings import TrainSettings
from catenary.train.weights import Flat, Named, Weights

if TYPE_CHECKING:
    from catenary.train.sharded import Sharded

# Tables of tokens and what reads them off: Muon orthogonalises hidden matrices alone (Jordan et al. 2024).
TABLES = ("embed", "shared", "head.", "out_proj")


class Optimiser:
    """One or two of torch's optimisers taken as one: a step, a learning rate, a state of plain tensors."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self, learning_rate: float) -> None:
        """Move the masters along their gradients."""
        for group in self.param_groups:
            group["lr"] = learning_rate
        for part in self.parts:
            part.step()

    def tensors(self) -> Named:
        """The state by `<parameter's number>.<name>`; nothing before the first step."""
        return {
            f"{number}.{name}": tensor
            for number, (part, parameter) in enumerate(self._parameters())
            for name, tensor in part.state[parameter].items()
            if tensor is not None
        }

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take up a state that `tensors` gave."""
        for number, (part, parameter) in enumerate(self._parameters()):
            mine = f"{number}."
            part.state[parameter] = {
                name.removeprefix(mine): tensor for name, tensor in tensors.items() if name.startswith(mine)
            }

    def _parameters(self) -> list[tuple[torch.optim.Optimizer, nn.Parameter]]:
        return [
            (part, parameter)
            for part in self.parts
            for group in part.param_groups
            for parameter in group["params"]
        ]


def optimiser(weights: Weights | Sharded, settings: TrainSettings) -> Optimiser:
    """The optimiser that `settings` names.

    adamw (Loshchilov and Hutter 2019): one kernel for the weights with decay and one for those without.
    sgd: with Polyak's momentum; decay is added to the gradient, as L2.
    adafactor (Shazeer and Stern 2018): a row and a column of second moments in place of a matrix.
    muon (Jordan et al. 2024): hidden matrices by their orthogonalised momentum, at AdamW's size of step (Liu et al.
        2025, 2502.16982, §2.2), so that one learning rate serves both; all other weights by AdamW.
    """
    decay, rate = settings.weight_decay, settings.learning_rate
    match settings.optimiser:
        case "adamw":
            return Optimiser(_adamw(weights.groups(decay), settings))
        case "sgd":
            return Optimiser(
                torch.optim.SGD(weights.groups(decay), lr=rate, momentum=settings.momentum, fused=True)
            )
        case "adafactor":
            assert isinstance(weights, Weights)  # settings.require_shardable
            groups = [
                {"params": list(_views(flat).values()), "weight_decay": decay if flat.decays else 0.0}
                for flat in weights.flats
            ]
            return Optimiser(torch.optim.Adafactor([group for group in groups if group["params"]], lr=rate))
        case "muon":
            assert isinstance(weights, Weights)
            matrices = _views(weights.decayed)
            hidden = {name: p for name, p in matrices.items() if not _is_table(name) and p.ndim == 2}
            others = [p for name, p in matrices.items() if name not in hidden]
            rest = _adamw(
                [
                    {"params": others, "weight_decay": decay},
                    {"params": [weights.kept.master], "weight_decay": 0.0},
                ],
                settings,
            )
            if not hidden:
                return Optimiser(rest)
            muon = torch.optim.Muon(
                hidden.values(),
                lr=rate,
                weight_decay=decay,
                momentum=settings.momentum,
                adjust_lr_fn="match_rms_adamw",
            )
            return Optimiser(muon, rest)


def _adamw(groups: list[dict[str, Any]], settings: TrainSettings) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        groups, lr=settings.learning_rate, betas=(settings.beta1, settings.beta2), fused=True
    )


def _views(flat: Flat) -> dict[str, nn.Parameter]:
    """Each weight of `flat` as a parameter of its own, over the same memory."""
    assert flat.master.grad is not None
    slopes = flat.parts(flat.master.grad)
    views = {}
    for name, part in flat.parts(flat.master.data).items():
        views[name] = nn.Parameter(part)
        views[name].grad = slopes[name]
    return views


def _is_table(name: str) -> bool:
    return any(part in name for part in TABLES) and "self_attn" not in name
