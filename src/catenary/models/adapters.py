"""Adapters: a few trained numbers beside frozen weights (LoRA, DoRA), and folding them in.

    W' = W + s B A                        LoRA (Hu et al. 2021, 2106.09685, §4.1); s = α / r
    W' = m ∘ (W + s B A) / ‖W + s B A‖    DoRA (Liu et al. 2024, 2402.09353, eq. 5); norms and m a row each
    s = α / √r                            rsLoRA (Kalajdzievski 2023, 2312.03732)

    r rank · D what a layer reads · F what it writes

    >>> import torch
    >>> from catenary.models import LoraSettings, attach_adapter, build, configure, merge_adapter
    >>> model = build(configure("llama", "nano", vocab_size=100), "clm", seed=1)
    >>> len(attach_adapter(model, LoraSettings(rank=4, targets=("q_proj", "v_proj")), seed=2))
    8
    >>> sorted({name.rsplit(".", 1)[-1] for name, p in model.named_parameters() if p.requires_grad})
    ['lora_A', 'lora_B']
    >>> merge_adapter(model)

A layer keeps its name and its weight's; what is new beside it is `lora_A`, `lora_B` and, for DoRA, `lora_magnitude`.
`peft_files` reads and writes them as PEFT does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fnmatch import fnmatchcase

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import Tensor, nn

from catenary.digest import digest
from catenary.errors import InvalidInput
from catenary.models.adapter_settings import LoraSettings
from catenary.models.layers import Linear
from catenary.models.model import Model


class AdaptedLinear(Linear):
    """y = x W'ᵀ + b, with W and b frozen; never holds W' for LoRA."""

    def __init__(self, of: nn.Linear, rank: int, scale: float, dropout: float, *, dora: bool) -> None:
        nn.Module.__init__(self)  # the layer's own weights are taken over, none is made
        self.in_features, self.out_features = of.in_features, of.out_features
        self.weight, self.bias = of.weight, of.bias
        self.weight.requires_grad_(False)
        if self.bias is not None:
            self.bias.requires_grad_(False)
        self.rank, self.scale = rank, scale
        self.dropout = nn.Dropout(dropout)
        self.lora_A = nn.Parameter(of.weight.new_empty(rank, of.in_features))
        self.lora_B = nn.Parameter(of.weight.new_zeros(of.out_features, rank))
        self.lora_magnitude = nn.Parameter(of.weight.detach().norm(dim=1)) if dora else None

    def draw(self, generator: torch.Generator) -> None:
        """A as `nn.Linear` draws its weight; B is zero, so that nothing changes before the first step."""
        bound = 1 / math.sqrt(self.in_features)
        drawn = torch.empty(self.lora_A.shape).uniform_(-bound, bound, generator=generator)
        self.lora_A.data.copy_(drawn)

    def delta(self) -> Tensor:
        """s B A, (F, D)."""
        delta_FD: Tensor = self.scale * (self.lora_B @ self.lora_A)
        return delta_FD

    def merged_weight(self) -> Tensor:
        """W', (F, D), computed in fp32."""
        whole_FD: Tensor = self.weight.float() + self.scale * (self.lora_B.float() @ self.lora_A.float())
        if self.lora_magnitude is None:
            return whole_FD
        length_F: Tensor = self.lora_magnitude.float() / whole_FD.norm(dim=1)
        return length_F[:, None] * whole_FD

    def forward(self, x_BTD: Tensor) -> Tensor:
        seen_BTD: Tensor = self.dropout(x_BTD)
        added_BTF: Tensor = F.linear(F.linear(seen_BTD, self.lora_A), self.lora_B) * self.scale
        if self.lora_magnitude is None:
            return F.linear(x_BTD, self.weight, self.bias) + added_BTF
        # The norm counts as a constant in the backward pass: DoRA, §4.3, which saves its memory at no loss.
        with torch.no_grad():
            norm_F: Tensor = (self.weight.float() + self.delta().float()).norm(dim=1)
        length_F: Tensor = (self.lora_magnitude / norm_F).to(x_BTD.dtype)
        if self.training and self.dropout.p:
            # As PEFT has it: what is added to the layer's own answer sees the dropped input throughout.
            own_BTF: Tensor = F.linear(x_BTD, self.weight, self.bias)
            return own_BTF + (length_F - 1) * F.linear(seen_BTD, self.weight) + length_F * added_BTF
        answer_BTF: Tensor = length_F * (F.linear(x_BTD, self.weight) + added_BTF)
        return answer_BTF if self.bias is None else answer_BTF + self.bias


def attach_adapter(model: Model, settings: LoraSettings, *, seed: int) -> tuple[str, ...]:
    """Freeze a model and give the layers that `settings` names an adapter; returns their names.

    Raises InvalidInput where a target names no linear layer, or the model has an adapter already.
    """
    if any(True for _ in adapted_layers(model)):
        raise InvalidInput("This model has an adapter already.", next="merge it first")
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith("model.")
    }
    chosen: dict[str, nn.Linear] = {}
    for target in settings.targets:
        found = {name: layer for name, layer in layers.items() if matches(name, target)}
        # Not every family gates its feed-forward: the names that stand by default need not all be there.
        if not found and "targets" in settings.model_fields_set:
            raise InvalidInput(
                "No layer of the model is called {target}.",
                target=target,
                got=target,
                expected="one of: {names}; or a glob such as `*.layers.0.*`",
                names=", ".join(sorted({name.rsplit(".", 1)[-1] for name in layers})),
            )
        chosen |= found
    model.requires_grad_(False)
    for name, layer in chosen.items():
        adapted = AdaptedLinear(layer, settings.rank, settings.scale, settings.dropout, dora=settings.dora)
        adapted.draw(torch.Generator().manual_seed(int(digest(["adapter", seed, name])[:15], 16)))
        put(model, name, adapted)
    return tuple(chosen)


def merge_adapter(model: Model) -> None:
    """Fold the adapter into the weights: the model is as any other, and answers as before within float error."""
    with torch.no_grad():
        for name, layer in list(adapted_layers(model)):
            with torch.device("meta"):
                plain = Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
            plain.weight = nn.Parameter(layer.merged_weight().to(layer.weight.dtype))
            if layer.bias is not None:
                plain.bias = layer.bias
            put(model, name, plain)
    model.requires_grad_(True)


def adapted_layers(model: nn.Module) -> Iterator[tuple[str, AdaptedLinear]]:
    """The layers that carry an adapter, with their names."""
    for name, layer in model.named_modules():
        if isinstance(layer, AdaptedLinear):
            yield name, layer


def matches(name: str, target: str) -> bool:
    """Whether a layer's whole name is the one that `target` says: by its last parts, or as a glob over it all."""
    return name == target or name.endswith(f".{target}") or fnmatchcase(name, target)


def put(model: nn.Module, name: str, layer: nn.Module) -> None:
    """`layer` in the place called `name`, in the mode of the model."""
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer.train(model.training))
