"""Adapters as PEFT keeps them: adapter_config.json and adapter_model.safetensors, in and out.

What PEFT can say and we do not have (other adapters than LoRA and DoRA, trained biases, whole modules saved) is refused
by name; keys that change no number pass. Layers have the names of the family's own checkpoints.
Format: https://huggingface.co/docs/peft/developer_guides/checkpoint
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.models.adapters import AdaptedLinear, adapted_layers, put
from catenary.models.checkpoint import in_our_names, in_their_names
from catenary.models.hub import write_json
from catenary.models.model import Model
from catenary.models.sizes import family_of
from catenary.models.tensors import check_finite, read_tensors, write_tensors

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
TASKS = {
    "clm": "CAUSAL_LM",
    "seq2seq": "SEQ_2_SEQ_LM",
    "classify": "SEQ_CLS",
    "tag": "TOKEN_CLS",
    "span": "QUESTION_ANS",
}
PART = re.compile(
    r"(?P<layer>.+)\.(?P<part>lora_A\.weight|lora_B\.weight|lora_magnitude_vector(\.weight)?)\Z"
)

FUSED = ("q_proj", "k_proj", "v_proj")  # by GPT-2

# Keys that would change the arithmetic, with the values that change nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "bias": ("none",),
    "modules_to_save": (None, []),
    "layer_replication": (None, []),
    "lora_bias": (False,),
    "use_qalora": (False,),
    "use_bdlora": (None, False),
    "target_parameters": (None, []),
    "trainable_token_indices": (None, []),
    "alora_invocation_tokens": (None, []),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "velora_config": (None,),
    "monteclora_config": (None,),
}


def save_adapter(model: Model, folder: Path, *, base: str) -> None:
    """Write the adapter alone; `base` says what it stands on (`base_model_name_or_path`).

    Raises InvalidInput for GPT-2's queries, keys and values, which its checkpoints keep in one layer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    layers = dict(adapted_layers(model))
    assert layers, "the model has no adapter"
    names = {name: _their_layer(model, name) for name in layers}
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        where = f"{PREFIX}{names[name]}"
        tensors[f"{where}.lora_A.weight"] = layer.lora_A
        tensors[f"{where}.lora_B.weight"] = layer.lora_B
        if layer.lora_magnitude is not None:
            tensors[f"{where}.lora_magnitude_vector"] = layer.lora_magnitude
    first = next(iter(layers.values()))
    config = {
        "peft_type": "LORA",
        "task_type": TASKS.get(model.head_name),
        "base_model_name_or_path": base,
        "r": first.rank,
        "lora_alpha": _plain_number(first.scale * first.rank),
        "use_rslora": False,  # its scale is in lora_alpha
        "use_dora": first.lora_magnitude is not None,
        "lora_dropout": first.dropout.p,
        "target_modules": _targets(model, set(names.values())),
        "bias": "none",
        "fan_in_fan_out": model.config.family == "gpt2",
        "modules_to_save": None,
        "inference_mode": True,
        "init_lora_weights": True,
    }
    write_tensors(tensors, folder / WEIGHTS_FILE)
    write_json(config, folder / CONFIG_FILE)


def load_adapter(model: Model, folder: Path) -> tuple[str, ...]:
    """Give `model` the adapter of a folder; returns the names of its layers. The model is frozen but for it.

    Raises NotFound, Damaged for files that do not hold, InvalidInput for what this adapter or model does not have.
    """
    config = read_adapter_config(folder)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise NotFound("There is no adapter in this folder.", got=str(folder), expected=WEIGHTS_FILE)
    tensors = read_tensors(path)
    check_finite(tensors, str(path))
    found = _by_layer(model, tensors, str(path))
    model.requires_grad_(False)
    for name, parts in found.items():
        try:
            layer = model.get_submodule(name)
        except AttributeError:
            layer = None
        if not isinstance(layer, nn.Linear):
            raise InvalidInput(
                "The adapter changes a layer that the model does not have: {layer}.",
                layer=name,
                where=str(path),
            )
        if (
            "lora_A" not in parts
            or "lora_B" not in parts
            or config["use_dora"] != ("lora_magnitude" in parts)
        ):
            raise Damaged(
                "A part of the adapter is missing.", where=str(path), got=f"{name}: {', '.join(parts)}"
            )
        rank = parts["lora_A"].shape[0]
        adapted = AdaptedLinear(
            layer,
            rank,
            _scale(config, _their_layer(model, name, fused=True), rank),
            float(config.get("lora_dropout") or 0.0),
            dora=config["use_dora"],
        )
        for part, tensor in parts.items():
            parameter = getattr(adapted, part)
            if parameter.shape != tensor.shape:
                raise InvalidInput(
                    "The tensor {tensor} has another shape than the model has room for.",
                    tensor=f"{name}.{part}",
                    where=str(path),
                    got=tuple(tensor.shape),
                    expected="{shape}",
                    shape=tuple(parameter.shape),
                )
            parameter.data.copy_(tensor)
        put(model, name, adapted)
    return tuple(found)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter in place of a whole model."""
    return (folder / CONFIG_FILE).is_file()


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """adapter_config.json, checked. Raises NotFound, Damaged, and InvalidInput for what would change the arithmetic."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise NotFound("There is no adapter in this folder.", got=str(folder), expected=CONFIG_FILE)
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Damaged("adapter_config.json cannot be read.", where=str(path), got=str(error)) from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise InvalidInput(
            "Only LoRA and DoRA adapters are supported.",
            where=str(path),
            got=str(config.get("peft_type") if isinstance(config, dict) else config),
            expected="peft_type: LORA",
        )
    for key, allowed in NEUTRAL.items():
        if config.get(key, allowed[0]) not in allowed:
            raise InvalidInput(
                "The setting {key} of this adapter is not supported with this value.",
                key=key,
                where=str(path),
                got=repr(config[key]),
                expected="{values}",
                values=" / ".join(map(repr, allowed)),
            )
    config["use_dora"] = bool(config.get("use_dora", False))
    if not isinstance(config.get("lora_alpha"), int | float) or config["lora_alpha"] <= 0:
        raise Damaged(
            "adapter_config.json cannot be read.",
            where=str(path),
            got=f"lora_alpha: {config.get('lora_alpha')}",
        )
    return config


def _scale(config: Mapping[str, Any], name: str, rank: int) -> float:
    """α of this layer over its rank; `alpha_pattern` has the last word, by the end of the layer's name."""
    alpha = float(config["lora_alpha"])
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", name):
            alpha = float(value)
            break
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _by_layer(model: Model, tensors: Mapping[str, Tensor], where: str) -> dict[str, dict[str, Tensor]]:
    """The adapter's tensors by our layers' names: lora_A, lora_B, lora_magnitude."""
    family = family_of(model.config.family)
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part = PART.match(name.removeprefix(PREFIX))
        if part is None or not name.startswith(PREFIX):
            raise InvalidInput(
                "The adapter holds a tensor that is no part of a LoRA or DoRA: {tensor}.",
                tensor=name,
                where=where,
            )
        ours = part["part"].split(".")[0].replace("lora_magnitude_vector", "lora_magnitude")
        layer = part["layer"]
        if layer.endswith(
            ".c_attn"
        ):  # GPT-2's queries, keys and values, which read the same and write one after another
            pieces = [tensor] * 3 if ours == "lora_A" else list(tensor.chunk(3))
            named = {
                f"{layer.removesuffix('c_attn')}{p}_proj": piece
                for p, piece in zip("qkv", pieces, strict=True)
            }
        else:
            named = {layer: tensor}
        for theirs, piece in named.items():
            # Names are told by what a checkpoint calls the layer's bias: a name that no family transposes or fuses.
            (full,) = in_our_names({f"{theirs}.bias": torch.empty(1)}, family, model.head_name, model.config)
            found.setdefault(full.removesuffix(".bias"), {})[ours] = piece
    return found


def _their_layer(model: Model, name: str, *, fused: bool = False) -> str:
    """What the family's checkpoints call a layer; with `fused`, GPT-2's three in one too."""
    if model.config.family == "gpt2" and name.rsplit(".", 1)[-1] in FUSED:
        if fused:
            return _their_layer(model, name.rsplit(".", 1)[0] + ".o_proj").replace("c_proj", "c_attn")
        raise InvalidInput(
            "GPT-2 keeps queries, keys and values in one layer: PEFT has no place for an adapter of one of them.",
            got=name,
            expected="targets such as o_proj, up_proj and down_proj, or another family",
        )
    family = family_of(model.config.family)
    (full,) = in_their_names({f"{name}.bias": torch.empty(1)}, family, model.head_name, model.config)
    return full.removesuffix(".bias")


def _targets(model: Model, adapted: set[str]) -> list[str]:
    """The last parts of the layers' names where these say it all, else whole names."""
    lasts = {name.rsplit(".", 1)[-1] for name in adapted}
    everywhere = {
        _their_layer(model, name)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and not (model.config.family == "gpt2" and name.endswith(FUSED))
    }
    same = {name for name in everywhere if name.rsplit(".", 1)[-1] in lasts}
    return sorted(lasts if same == adapted else adapted)


def _plain_number(value: float) -> float | int:
    """A whole number as one: what PEFT writes."""
    rounded = round(value)
    return rounded if math.isclose(rounded, value) else value
