"""Pruning: weights, heads, neurons and layers that matter least are taken out; training brings back what was lost.

    pruned = prune(model, rows, Pruning(heads=0.25, neurons=0.5, layers=1))

What matters is seen on real texts (`rows` of token ids), not guessed from the weights alone:

    neuron f of a layer    mean |h_f| · ‖W_down[:, f]‖      (Sun et al. 2023, 2306.11695: weight times activation)
    head h of a layer      mean ‖y_h‖ · ‖W_o[:, h]‖
    layer                  1 − mean cos(x in, x out)         (Men et al. 2024, 2403.03853: block influence)
    single weight          |w|, within its row               (Han et al. 2015, 1506.02626)

Heads, neurons and layers leave smaller matrices, which every runtime multiplies faster. Single weights become zeros:
the file keeps its size, and only a compressed copy of it is smaller. Each layer loses the same number of heads and of
neurons, so that the configuration still has one number for all.

    D hidden size · F intermediate size · H heads · K head size
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catenary.errors import InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

    from catenary.models import Model


@dataclass(frozen=True, slots=True)
class Pruning:
    """How much goes: shares of the heads and neurons of each layer, of single weights, and a count of layers."""

    heads: float = 0.0
    neurons: float = 0.0
    weights: float = 0.0
    layers: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """The smaller model, what stayed (old numbers by layer), and its parameters before and after."""

    model: Model
    layers: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    neurons_per_layer: int
    parameters_before: int
    parameters_after: int
    zeros: int


def prune(model: Model, rows: Sequence[Sequence[int]], how: Pruning) -> Pruned:
    """A smaller copy of an encoder or a decoder. The same model and rows give the same one.

    Raises InvalidInput for an encoder–decoder, for no rows, and where nothing would be left.
    """
    from catenary.models import build

    config = model.config
    stayed = _check(model, rows, how)
    seen = _importance(model, rows)
    layers = sorted(
        sorted(range(config.num_hidden_layers), key=lambda n: (-seen.layers[n], n))[: stayed.layers]
    )
    heads = {n: _groups_kept(seen.heads[n], config.num_key_value_heads, stayed.groups) for n in layers}
    neurons = {n: _most(seen.neurons[n], stayed.neurons) for n in layers}
    per_group = config.num_attention_heads // config.num_key_value_heads
    smaller = config.model_copy(
        update={
            "num_hidden_layers": len(layers),
            "num_key_value_heads": stayed.groups,
            "num_attention_heads": stayed.groups * per_group,
            "intermediate_size": stayed.neurons,
        }
    )
    made = build(smaller, model.head_name, labels=model.labels or None, seed=0).eval()
    tensors = _cut(model, layers, heads, neurons)
    zeros = _thin(tensors, how.weights) if how.weights else 0
    made.load_state_dict(tensors, strict=True)
    return Pruned(
        made,
        tuple(layers),
        tuple(tuple(g * per_group + h for g in heads[n] for h in range(per_group)) for n in layers),
        stayed.neurons,
        sum(one.numel() for one in model.parameters()),
        sum(one.numel() for one in made.parameters()),
        zeros,
    )


@dataclass(frozen=True, slots=True)
class _Stayed:
    layers: int
    groups: int
    neurons: int


def _check(model: Model, rows: Sequence[Sequence[int]], how: Pruning) -> _Stayed:
    config = model.config
    if config.kind == "encoder-decoder":
        raise InvalidInput(
            "Encoder–decoders are not pruned.", got=config.family, expected="an encoder or a decoder"
        )
    if not rows:
        raise InvalidInput("Pruning needs texts to see what matters.")
    shares = {"heads": how.heads, "neurons": how.neurons, "weights": how.weights}
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise InvalidInput(
                "{name} is a share of what there is.", name=name, got=share, expected="0 to below 1"
            )
    stayed = _Stayed(
        config.num_hidden_layers - how.layers,
        round(config.num_key_value_heads * (1 - how.heads)),
        round(config.intermediate_size * (1 - how.neurons)),
    )
    if min(stayed.layers, stayed.groups, stayed.neurons) < 1 or how.layers < 0:
        raise InvalidInput(
            "So much pruning leaves nothing of the model.",
            got=f"{stayed.layers} layers, {stayed.groups} groups of heads, {stayed.neurons} neurons",
            expected="at least one of each",
        )
    return stayed


@dataclass(frozen=True, slots=True)
class _Importance:
    heads: Mapping[int, Tensor]  # layer → (H,)
    neurons: Mapping[int, Tensor]  # layer → (F,)
    layers: Mapping[int, float]


def _importance(model: Model, rows: Sequence[Sequence[int]]) -> _Importance:
    import torch

    config = model.config
    blocks = _blocks(model)
    heads = {n: torch.zeros(config.num_attention_heads, dtype=torch.float64) for n in blocks}
    neurons = {n: torch.zeros(config.intermediate_size, dtype=torch.float64) for n in blocks}
    moved = dict.fromkeys(blocks, 0.0)
    with _watched(model, heads, neurons, moved), torch.inference_mode():
        for row in rows:
            model(torch.tensor([list(row)]))
    for n, block in blocks.items():
        o_DE, down_DF = block.self_attn.o_proj.weight.double(), block.mlp.down_proj.weight.double()
        per_head = o_DE.T.reshape(config.num_attention_heads, -1).norm(dim=1)
        heads[n] = heads[n] * per_head
        neurons[n] = neurons[n] * down_DF.norm(dim=0)
    return _Importance(heads, neurons, {n: value / len(rows) for n, value in moved.items()})


@contextmanager
def _watched(
    model: Model, heads: dict[int, Tensor], neurons: dict[int, Tensor], moved: dict[int, float]
) -> Iterator[None]:
    """Add up what enters the output projections, and how far each layer turns what passes through it."""
    import torch

    handles = []
    for n, block in _blocks(model).items():

        def attended(_: object, given: tuple[Tensor, ...], n: int = n) -> None:
            y_TE = given[0].detach().double().flatten(0, -2)
            y_THK = y_TE.view(len(y_TE), len(heads[n]), -1)
            heads[n] += y_THK.norm(dim=-1).mean(dim=0)

        def fired(_: object, given: tuple[Tensor, ...], n: int = n) -> None:
            neurons[n] += given[0].detach().double().flatten(0, -2).abs().mean(dim=0)

        def passed(_: object, given: tuple[Tensor, ...], made: Tensor, n: int = n) -> None:
            alike = torch.nn.functional.cosine_similarity(given[0].detach(), made.detach(), dim=-1)
            moved[n] += 1 - float(alike.mean())

        handles += [
            block.self_attn.o_proj.register_forward_pre_hook(attended),
            block.mlp.down_proj.register_forward_pre_hook(fired),
            block.register_forward_hook(passed),
        ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _blocks(model: Model) -> dict[int, Any]:
    return dict(enumerate(model.model.layers))  # type: ignore[arg-type]


def _most(scores: Tensor, count: int) -> list[int]:
    """The places of the `count` largest, in their own order; of equals the first."""
    told = scores.tolist()
    return sorted(sorted(range(len(told)), key=lambda place: (-told[place], place))[:count])


def _groups_kept(scores_H: Tensor, groups: int, count: int) -> list[int]:
    """Heads that share keys and values go together (grouped-query attention)."""
    return _most(scores_H.reshape(groups, -1).sum(dim=1), count)


def _cut(
    model: Model,
    layers: Sequence[int],
    heads: Mapping[int, Sequence[int]],
    neurons: Mapping[int, Sequence[int]],
) -> dict[str, Tensor]:
    import re

    import torch

    config = model.config
    size, per_group = config.head_dim, config.num_attention_heads // config.num_key_value_heads
    made: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        found = re.match(r"(model\.(?:\w+\.)?layers\.)(\d+)\.(.+)", name)
        if not found:
            made[name] = tensor.clone()
            continue
        n, part = int(found[2]), found[3]
        if n not in layers:
            continue
        keys = torch.tensor([g * size + k for g in heads[n] for k in range(size)])
        queries = torch.tensor([g * per_group * size + k for g in heads[n] for k in range(per_group * size)])
        kept = torch.tensor(list(neurons[n]))
        if part.startswith("self_attn.q_proj."):
            tensor = tensor[queries]
        elif part.startswith(("self_attn.k_proj.", "self_attn.v_proj.")):
            tensor = tensor[keys]
        elif part == "self_attn.o_proj.weight":
            tensor = tensor[:, queries]
        elif part.startswith(("mlp.up_proj.", "mlp.gate_proj.")):
            tensor = tensor[kept]
        elif part == "mlp.down_proj.weight":
            tensor = tensor[:, kept]
        made[f"{found[1]}{list(layers).index(n)}.{part}"] = tensor.clone()
    return made


def _thin(tensors: dict[str, Tensor], share: float) -> int:
    """Set the smallest weights of each row of each layer's matrices to zero; how many there are."""
    zeros = 0
    for name, tensor in tensors.items():
        if ".layers." in name and name.endswith("_proj.weight") and tensor.dim() == 2:
            gone = int(tensor.shape[1] * share)
            if gone:
                places = tensor.abs().topk(gone, dim=1, largest=False).indices
                tensors[name] = tensor.scatter(1, places, 0.0)
                zeros += tensor.shape[0] * gone
    return zeros
