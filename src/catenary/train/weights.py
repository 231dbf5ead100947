"""A model's weights laid end to end: one tensor to step, clip, average and cast, whatever number of layers.

The optimiser moves masters in fp32. The model computes with the masters themselves or with a bf16 copy of them,
renewed after every step (Micikevicius et al. 2018, §3.1): then no product casts anything, which at small widths costs
more than the products.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from catenary.train.team import Team

T = TypeVar("T")
Named = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Flat:
    """Parameters that the optimiser treats alike, end to end, in the order of `shapes`."""

    master: nn.Parameter  # fp32; its .grad is what the optimiser reads
    compute: torch.Tensor  # what the model computes with, in its dtype
    gradient: torch.Tensor  # of `compute`
    shapes: Mapping[str, torch.Size]
    decays: bool  # whether weight decay applies

    @classmethod
    def of(cls, parameters: Mapping[str, nn.Parameter], dtype: torch.dtype, *, decays: bool) -> Flat:
        """Lay these end to end; from now on they are views of `compute`, and their gradients of `gradient`."""
        whole = [parameter.detach().float().flatten() for parameter in parameters.values()]
        master = nn.Parameter(torch.cat(whole) if whole else torch.empty(0))
        same = dtype == torch.float32
        compute = master.data if same else master.data.to(dtype)
        gradient = torch.zeros_like(compute)
        master.grad = gradient if same else torch.zeros_like(master)
        flat = cls(master, compute, gradient, {name: p.shape for name, p in parameters.items()}, decays)
        parts, slopes = flat.parts(compute), flat.parts(gradient)
        for name, parameter in parameters.items():
            parameter.data, parameter.grad = parts[name], None
            parameter.grad = slopes[name]
        return flat

    def parts(self, whole: torch.Tensor) -> Named:
        """Views of a tensor laid out as `master` is, by the parameters' names."""
        pieces = torch.split(whole, [shape.numel() for shape in self.shapes.values()])
        return {
            name: piece.view(shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }


class Weights:
    """The weights of a model in training: those with decay, those without, and what is not trained.

    Biases and norms, everything with one dimension, are not decayed (Devlin et al. 2019, A.2): shrinking them
    moves the activations instead of making the model simpler.
    """

    apart = False  # whether each process holds a share alone (sharded.py)

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype
        self.computing = model  # what the steps compute with
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        frozen = {name: p for name, p in model.named_parameters() if not p.requires_grad}
        self.decayed = Flat.of({name: p for name, p in trained.items() if p.ndim > 1}, dtype, decays=True)
        self.kept = Flat.of({name: p for name, p in trained.items() if p.ndim <= 1}, dtype, decays=False)
        self._frozen = {name: p.data.float() for name, p in frozen.items()}
        for parameter in frozen.values():
            parameter.data = parameter.data.to(dtype)
        self.parameters = trained | frozen
        self.buffers = dict(model.named_buffers())

    @property
    def flats(self) -> tuple[Flat, Flat]:
        """With decay, without."""
        return self.decayed, self.kept

    @property
    def trained(self) -> list[str]:
        """The names of the weights that move."""
        return [name for flat in self.flats for name in flat.shapes]

    @property
    def masters(self) -> list[torch.Tensor]:
        """What the optimiser moves."""
        return [flat.master.data for flat in self.flats]

    def groups(self, decay: float) -> list[dict[str, Any]]:
        """The masters as an optimiser takes them, each with its weight decay."""
        return [
            {"params": [flat.master], "weight_decay": decay if flat.decays else 0.0} for flat in self.flats
        ]

    def named(self, wholes: Sequence[torch.Tensor] | None = None) -> Named:
        """fp32 weights by name: the masters, or others laid out like them; and what is not trained."""
        parts = self._frozen | self.buffers
        for flat, whole in zip(self.flats, wholes or self.masters, strict=True):
            parts |= flat.parts(whole)
        return parts

    def whole(self, shares: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Tensors like the masters as a checkpoint holds them: end to end, with decay and without."""
        return list(shares)

    def whole_state(self, state: Named) -> Named:
        """An optimiser's state over these masters as a checkpoint holds it."""
        return state

    def turns(self, parts: Sequence[T], team: Team) -> Iterator[tuple[int, T, bool]]:
        """The parts of a step that this process takes: the number of each, itself, and whether it counts."""
        for number, part in team.mine(parts):
            yield number, part, True

    def backward(self, mean: torch.Tensor, of: float) -> None:
        """Add `of` times the gradient of this part's mean loss to that of the step."""
        (mean * of if self.weighs_losses else mean).backward()  # type: ignore[no-untyped-call]
        self.collect(of)

    @property
    def added_up(self) -> list[torch.Tensor]:
        """The gradients that are still to be summed over the processes."""
        return self.gradients

    def begin_parts(self) -> None:
        """Before the first part of a step that is taken in parts."""
        for flat in self.flats:
            if flat.master.grad is not flat.gradient:
                assert flat.master.grad is not None
                flat.master.grad.zero_()

    def collect(self, weight: float) -> None:
        """Add `weight` times the gradient of a part of a step to the masters'; the next part starts at zero.

        Where the model computes with the masters themselves, its loss was weighed instead, and nothing is left to do.
        """
        for flat in self.flats:
            if flat.master.grad is not flat.gradient:
                assert flat.master.grad is not None
                flat.master.grad.add_(flat.gradient, alpha=weight)
                flat.gradient.zero_()

    def gather_gradient(self, longest: float, *, collected: float | None = None) -> float:
        """Give the masters their gradients, shortened to a norm of at most `longest`; return the norm before.

        `collected`: the weights of all parts of the step, where it was taken in parts.
        """
        for flat in self.flats:
            assert flat.master.grad is not None
            if collected is not None:
                flat.master.grad.mul_(1 / collected)
            elif flat.master.grad is not flat.gradient:
                flat.master.grad.copy_(flat.gradient)
        gradients = self.gradients
        norm = math.sqrt(sum(torch.linalg.vector_norm(gradient).item() ** 2 for gradient in gradients))
        if norm > longest:
            for gradient in gradients:
                gradient.mul_(longest / norm)
        return norm

    @property
    def gradients(self) -> list[torch.Tensor]:
        """The masters' gradients."""
        return [flat.master.grad for flat in self.flats if flat.master.grad is not None]

    @property
    def weighs_losses(self) -> bool:
        """Whether parts of a step are weighed by their losses, for gradients add up in the masters' own."""
        return self.dtype == torch.float32

    def renew(self) -> None:
        """After a step: let the model compute with the moved masters, and start the next gradient at zero."""
        for flat in self.flats:
            if flat.compute.dtype != flat.master.dtype:
                flat.compute.copy_(flat.master.data)
            flat.gradient.zero_()

    @contextmanager
    def lent(self, others: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """The model with these weights, in fp32, in place of its own."""
        own = {name: p.data for name, p in self.parameters.items()}
        lend(self.parameters, others)
        try:
            yield
        finally:
            lend(self.parameters, own)

    def settle(self, others: Mapping[str, torch.Tensor]) -> None:
        """Leave the model with copies of these weights, in fp32, and without gradients: the end of training."""
        give(self.parameters, others)


def lend(parameters: Mapping[str, nn.Parameter], others: Mapping[str, torch.Tensor]) -> None:
    """Let these parameters be views of other tensors."""
    for name, parameter in parameters.items():
        parameter.data = others[name]


def give(parameters: Mapping[str, nn.Parameter], others: Mapping[str, torch.Tensor]) -> None:
    """Leave these parameters with copies of other tensors, and without gradients."""
    lend(parameters, {name: others[name].clone() for name in parameters})
    for parameter in parameters.values():
        parameter.grad = None


def weights_sha256(weights: Mapping[str, torch.Tensor]) -> str:
    """Of the names, shapes and bits of all tensors."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().contiguous()
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
