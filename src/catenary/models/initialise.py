"""How a new model's weights are drawn: each family as its paper or its authors' code has it, bit by bit from a seed.

Each tensor has a generator of its own, seeded with the model's seed and the tensor's name: another head, or another
layer, leaves the rest as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from catenary.digest import digest
from catenary.models.config import TransformerConfig
from catenary.models.model import Model


def generator_of(seed: int, name: str) -> torch.Generator:
    """What the tensor called `name` is drawn with."""
    return torch.Generator().manual_seed(int(digest(["initialise", seed, name])[:15], 16))


@torch.no_grad()
def initialise(model: Model, seed: int, names: Iterable[str] | None = None) -> tuple[str, ...]:
    """Draw the tensors called `names` (all where None) of a model on the CPU in fp32; returns their names."""
    wanted = None if names is None else set(names)
    done = []
    for name, tensor in model.state_dict(keep_vars=True).items():
        if wanted is None or name in wanted:
            _draw(name, tensor, model.config, generator_of(seed, name))
            done.append(name)
    return tuple(done)


def _draw(name: str, tensor: Tensor, config: TransformerConfig, generator: torch.Generator) -> None:
    if "norm" in name.split(".")[-2] and tensor.dim() == 1:
        tensor.fill_(0.0 if name.endswith("bias") else 1.0)
    elif tensor.dim() == 1 or name.endswith("bias"):
        tensor.zero_()
    elif config.family == "t5":
        tensor.normal_(0.0, _t5_deviation(name, config), generator=generator)
    elif config.kind == "encoder":
        # BERT's own code cuts the normal at two deviations (google-research/bert, `create_initializer`).
        nn.init.trunc_normal_(
            tensor,
            std=config.initializer_range,
            a=-2 * config.initializer_range,
            b=2 * config.initializer_range,
            generator=generator,
        )
    elif config.family == "gpt2" and name.endswith(("o_proj.weight", "down_proj.weight")):
        # The residual path sums 2 · layers such outputs (Radford et al. 2019, §2.3).
        deviation = config.initializer_range / math.sqrt(2 * config.num_hidden_layers)
        tensor.normal_(0.0, deviation, generator=generator)
    else:
        tensor.normal_(0.0, config.initializer_range, generator=generator)


def _t5_deviation(name: str, config: TransformerConfig) -> float:
    """Mesh TensorFlow's: products start with variance 1; queries take the 1/√head_dim that attention lacks."""
    part = name.split(".")[-2] if "." in name else name
    if part in ("shared", "embed_tokens"):
        return 1.0
    if part == "q_proj":
        return 1 / math.sqrt(config.hidden_size * config.head_dim)
    if part == "o_proj":
        return 1 / math.sqrt(config.num_attention_heads * config.head_dim)
    if part == "down_proj":
        return 1 / math.sqrt(config.intermediate_size)
    return 1 / math.sqrt(config.hidden_size)
