"""Weights, gradients and the optimiser's state shared out: each process of a run holds a part of every weight.

FSDP2 (Zhao et al. 2023, 2304.11277; torch's `fully_shard`): a layer's weights are put together when it computes and
given up after it, and the sum of its gradients comes back in shares. What one process holds of a run's state is the
whole's size over their number; every step sends each weight twice and its gradient once.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from catenary.train.team import Team
from catenary.train.weights import Named, Weights, give, lend

T = TypeVar("T")


class Sharded:
    """This process's shares of a model's weights, with the methods of `Weights`. The model itself is lent weights to be
    measured with, and holds none in between; a copy of it computes the steps.

    Putting anything together (`named`, `whole`, `whole_state`) is for all processes at the same moment.
    """

    apart = True

    def __init__(self, weights: Weights, team: Team) -> None:
        self.team, self.buffers, self._parameters = team, weights.buffers, weights.parameters
        self._flats = [flat.shapes for flat in weights.flats]
        self.computing = _sharded(weights, team.size)
        assert isinstance(self.computing, FSDPModule)
        self._together = self.computing
        self._theirs: dict[str, DTensor] = {
            name: parameter
            for name, parameter in self.computing.named_parameters()
            if isinstance(parameter, DTensor)
        }
        self._shares = {
            name: nn.Parameter(self._theirs[name].to_local().detach())
            for shapes in self._flats
            for name in shapes
        }
        self._empty()

    @property
    def trained(self) -> list[str]:
        """See `Weights.trained`."""
        return list(self._shares)

    @property
    def masters(self) -> list[torch.Tensor]:
        """See `Weights.masters`."""
        return [share.data for share in self._shares.values()]

    def groups(self, decay: float) -> list[dict[str, Any]]:
        """See `Weights.groups`."""
        return [
            {"params": [self._shares[name] for name in shapes], "weight_decay": weight_decay}
            for shapes, weight_decay in zip(self._flats, (decay, 0.0), strict=True)
        ]

    def named(self, wholes: Sequence[torch.Tensor] | None = None) -> Named:
        """See `Weights.named`."""
        parts = {name: one.full_tensor() for name, one in self._theirs.items() if name not in self._shares}
        shares = zip(self._shares, wholes or self.masters, strict=True)
        return parts | self.buffers | {name: self._whole(name, share) for name, share in shares}

    def begin_parts(self) -> None:
        """See `Weights.begin_parts`."""
        self.renew()

    def turns(self, parts: Sequence[T], team: Team) -> Iterator[tuple[int, T, bool]]:
        """All go through the layers together: who has no part left takes one again, and it does not count."""
        rounds = math.ceil(len(parts) / team.size)
        for turn in range(rounds):
            number = turn * team.size + team.rank
            self._together.set_requires_gradient_sync(turn == rounds - 1)
            yield number % len(parts), parts[number % len(parts)], number < len(parts)

    def backward(self, mean: torch.Tensor, of: float) -> None:
        """torch gives the mean over the processes; what is asked for is the sum."""
        (mean * (of * self.team.size)).backward()  # type: ignore[no-untyped-call]

    @property
    def added_up(self) -> list[torch.Tensor]:
        """See `Weights.added_up`."""
        return []

    def gather_gradient(self, longest: float, *, collected: float | None = None) -> float:
        """See `Weights.gather_gradient`."""
        squares = 0.0
        for name, share in self._shares.items():
            slope = self._theirs[name].grad
            share.grad = slope.to_local() if isinstance(slope, DTensor) else None
            if share.grad is not None:
                share.grad.mul_(1 / (collected or 1.0))
                squares += torch.linalg.vector_norm(share.grad).item() ** 2
        norm = math.sqrt(self.team.add_up((), squares)[0])
        if norm > longest:
            for share in self._shares.values():
                if share.grad is not None:
                    share.grad.mul_(longest / norm)
        return norm

    def renew(self) -> None:
        """See `Weights.renew`."""
        for parameter in (*self._theirs.values(), *self._shares.values()):
            parameter.grad = None

    @contextmanager
    def lent(self, others: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """See `Weights.lent`."""
        lend(self._parameters, others)
        try:
            yield
        finally:
            self._empty()

    def settle(self, others: Mapping[str, torch.Tensor]) -> None:
        """See `Weights.settle`."""
        give(self._parameters, others)

    def whole(self, shares: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """See `Weights.whole`."""
        by_name = dict(zip(self._shares, shares, strict=True))
        return [
            torch.cat([self._whole(name, by_name[name]).flatten() for name in shapes] or [torch.empty(0)])
            for shapes in self._flats
        ]

    def shares(self, wholes: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What this process holds of tensors that lie end to end: the other way round from `whole`."""
        found = []
        for shapes, whole in zip(self._flats, wholes, strict=True):
            pieces = torch.split(whole, [shape.numel() for shape in shapes.values()])
            for (name, shape), piece in zip(shapes.items(), pieces, strict=True):
                like = self._theirs[name]
                spread = distribute_tensor(
                    piece.view(shape).contiguous(), like.device_mesh, like.placements, src_data_rank=None
                )
                found.append(spread.to_local().clone())
        return found

    def whole_state(self, state: Named) -> Named:
        """See `Weights.whole_state`."""
        if not state:
            return {}
        found: Named = {}
        for kind in sorted({name.split(".", 1)[1] for name in state}):
            kept = [state[f"{number}.{kind}"] for number in range(len(self._shares))]
            wholes = self.whole(kept) if kept[0].ndim else [kept[0], kept[0].clone()]
            found |= {f"{number}.{kind}": whole for number, whole in enumerate(wholes)}
        return found

    def shared_state(self, state: Named) -> Named:
        """The other way round from `whole_state`."""
        found: Named = {}
        for kind in {name.split(".", 1)[1] for name in state}:
            wholes = [state[f"{number}.{kind}"] for number in range(len(self._flats))]
            kept = (
                self.shares(wholes)
                if wholes[0].ndim
                else [wholes[0].clone() for _ in range(len(self._shares))]
            )
            found |= {f"{number}.{kind}": one for number, one in enumerate(kept)}
        return found

    def _whole(self, name: str, share: torch.Tensor) -> torch.Tensor:
        like = self._theirs[name]
        spread = DTensor.from_local(
            share.detach(), like.device_mesh, like.placements, shape=like.shape, stride=like.stride()
        )
        return spread.full_tensor()

    def _empty(self) -> None:
        for parameter in self._parameters.values():
            parameter.data, parameter.grad = torch.empty(0), None


def _sharded(weights: Weights, processes: int) -> nn.Module:
    """A copy of the model, in fp32, spread over the processes: layer by layer, and then what is left."""
    model = deepcopy(weights.model)
    named = weights.named()
    for name, parameter in model.named_parameters():
        parameter.data = named[name].clone()
    half = weights.dtype != torch.float32
    policy = MixedPrecisionPolicy(
        param_dtype=weights.dtype if half else None,
        reduce_dtype=torch.float32 if half else None,
        cast_forward_inputs=False,
    )
    # Hidden states are reshaped on their way out, and nothing writes into them.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor", UserWarning)
    mesh = init_device_mesh("cpu", (processes,))
    for layers in [module for module in model.modules() if isinstance(module, nn.ModuleList)]:
        for layer in layers:
            fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    return model
