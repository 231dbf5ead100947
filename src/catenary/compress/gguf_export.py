"""A decoder as a GGUF file, llama.cpp's format: weights, tokenizer and chat template in one file.

    write_gguf(model, folder, Path("model.gguf"), "int8")

Matrices are stored as F32, F16, BF16, Q8_0 (int8) or Q4_0 (int4), 32 weights to a scale; norms and biases stay F32.
Reading is `models/gguf.py`'s; the names and the turning of queries and keys are the inverse of what it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from catenary.errors import InvalidInput
from catenary.files import write_whole
from catenary.models.gguf import ARCHITECTURES, NAMES, SETTINGS
from catenary.models.names import to_theirs

if TYPE_CHECKING:
    from torch import Tensor

    from catenary.models import Model

GgufPrecision = Literal["none", "bf16", "fp16", "int8", "int4"]
KINDS: Mapping[GgufPrecision, str] = {
    "none": "F32",
    "bf16": "BF16",
    "fp16": "F16",
    "int8": "Q8_0",
    "int4": "Q4_0",
}
FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "BF16": 32}  # llama.cpp's llama_ftype
BLOCK = 32
GGUF_FILE = "model.gguf"

# How texts are cut into words: told by the pattern that tokenizer.json holds, as llama.cpp calls it.
DIGITS = {"type": "Digits", "individual_digits": True}


def write_gguf(model: Model, folder: Path, target: Path, precision: GgufPrecision = "none") -> None:
    """Write a causal language model with the tokenizer of `folder`. The same model gives the same bytes.

    Raises InvalidInput for an architecture or a tokenizer that llama.cpp has no name for.
    """
    import gguf

    family = model.config.family
    name = "llama" if family == "mistral" else family
    if name not in ARCHITECTURES or model.head_name != "clm" or model.config.rope_scaling is not None:
        raise InvalidInput(
            "This model is not exported to GGUF.",
            got=f"{family}, {model.head_name}",
            expected="{families} with a language model's head and plain rotary positions",
            families=", ".join(["mistral", *ARCHITECTURES]),
        )
    kind = KINDS[precision]
    writer = gguf.GGUFWriter(None, name)
    writer.add_file_type(FILE_TYPES[kind])
    _add_settings(writer, model, name)
    _add_tokenizer(writer, folder, model.config.vocab_size)
    for theirs, tensor in _their_tensors(model, name).items():
        _add_tensor(writer, theirs, tensor, kind)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    writer.write_header_to_file(beside)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_whole(target, beside.read_bytes())
    beside.unlink()


def _add_settings(writer: Any, model: Model, name: str) -> None:
    import gguf

    config = model.config
    rotary = config.position == "rotary"
    skipped = {"norm_eps", "rope_theta"} | (set() if rotary else {"head_dim", "num_key_value_heads"})
    for theirs, ours in SETTINGS.items():
        if ours not in skipped:
            writer.add_uint32(f"{name}.{theirs}", int(getattr(config, ours)))
    eps = "layer_norm_rms_epsilon" if config.norm == "rms" else "layer_norm_epsilon"
    writer.add_float32(f"{name}.attention.{eps}", config.norm_eps)
    if rotary:
        writer.add_float32(f"{name}.rope.freq_base", config.rope_theta)
        writer.add_uint32(f"{name}.rope.dimension_count", config.head_dim)
        writer.add_uint32(f"{name}.attention.value_length", config.head_dim)
    assert gguf.GGUF_VERSION == 3


def _add_tokenizer(writer: Any, folder: Path, rows: int) -> None:
    raw = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    model = raw["model"]
    if model.get("type") != "BPE" or not _of_bytes(raw):
        raise InvalidInput(
            "This tokenizer has no place in a GGUF file.",
            where=str(folder),
            got=str(model.get("type")),
            expected="byte-level BPE",
        )
    tokens = {number: token for token, number in model["vocab"].items()}
    special = {one["id"]: one for one in raw.get("added_tokens", [])}
    tokens |= {number: one["content"] for number, one in special.items()}
    kinds = [
        5 if number not in tokens else 1 if number not in special else 3 if special[number]["special"] else 4
        for number in range(rows)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_words(raw, folder))
    writer.add_token_list([tokens.get(number, f"[PAD{number}]") for number in range(rows)])
    writer.add_token_types(kinds)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    if not merges:
        raise InvalidInput("This tokenizer has no place in a GGUF file.", where=str(folder), got="no merges")
    writer.add_token_merges(merges)
    numbers = {one["content"]: number for number, one in special.items()} | model["vocab"]
    told = _json(folder / "tokenizer_config.json")
    config = _json(folder / "config.json")
    for theirs, key in (("bos", "bos_token"), ("eos", "eos_token"), ("padding", "pad_token")):
        token = told.get(key)
        token = token.get("content") if isinstance(token, dict) else token
        number = numbers.get(token) if token else config.get(f"{key}_id")
        number = number[0] if isinstance(number, list) else number
        if number is not None:
            writer.add_uint32(f"tokenizer.ggml.{theirs}_token_id", number)
    writer.add_add_bos_token(False)  # what stands before a text is the template's to say
    writer.add_add_eos_token(False)
    template = folder / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text("utf-8"))


def _of_bytes(raw: Mapping[str, Any]) -> bool:
    return any(part.get("type") == "ByteLevel" for part in _parts(raw.get("pre_tokenizer")))


def _parts(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, dict):
        return []
    return list(value.get("pretokenizers", [value]))


def _words(raw: Mapping[str, Any], folder: Path) -> str:
    """llama.cpp's name for how texts are cut. Raises InvalidInput for a way that it has no name for."""
    from catenary.models.gguf_tokenizer import LLAMA3_WORDS, QWEN_WORDS

    parts = _parts(raw.get("pre_tokenizer"))
    patterns = [part["pattern"].get("Regex") for part in parts if part.get("type") == "Split"]
    if patterns:
        named = {LLAMA3_WORDS: "llama-bpe", QWEN_WORDS: "qwen2"}
        if len(patterns) == 1 and patterns[0] in named:
            return named[patterns[0]]
    elif any(part.get("type") == "Digits" for part in parts):
        return "smollm"
    elif any(part.get("type") == "ByteLevel" and part.get("use_regex", True) for part in parts):
        return "gpt-2"
    raise InvalidInput(
        "llama.cpp has no name for how this tokenizer cuts texts.",
        where=str(folder),
        got="; ".join(str(part.get("type")) for part in parts),
        expected="the way of gpt-2, smollm, qwen2 or llama3",
    )


def _their_tensors(model: Model, name: str) -> dict[str, Tensor]:
    import torch

    architecture, config = ARCHITECTURES[name], model.config
    ours = {key: value.detach().float() for key, value in model.state_dict().items()}
    made: dict[str, Tensor] = {}
    for key, tensor in ours.items():
        if key == "head.out_proj.weight" and config.tie_word_embeddings:
            continue
        fused = re.fullmatch(r"model\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", key)
        if architecture.fused and fused:
            if fused[2] == "q":
                parts = [ours[f"model.layers.{fused[1]}.self_attn.{part}_proj.{fused[3]}"] for part in "qkv"]
                made[f"blk.{fused[1]}.attn_qkv.{fused[3]}"] = torch.cat(parts)
            continue
        if architecture.turned and ".self_attn.q_proj." in key:
            tensor = _turned(tensor, config.num_attention_heads)
        if architecture.turned and ".self_attn.k_proj." in key:
            tensor = _turned(tensor, config.num_key_value_heads)
        made[to_theirs(key, NAMES)] = tensor
    return made


def _turned(tensor: Tensor, heads: int) -> Tensor:
    """Rows of each head as llama.cpp has them, 2i beside 2i + 1, from Hugging Face's, i beside i + K/2."""
    rows = tensor.shape[0]
    return tensor.view(heads, 2, rows // heads // 2, *tensor.shape[1:]).transpose(1, 2).reshape(tensor.shape)


def _add_tensor(writer: Any, name: str, tensor: Tensor, kind: str) -> None:
    from gguf import GGMLQuantizationType, quants

    values = tensor.contiguous().numpy()
    small = kind in ("Q8_0", "Q4_0") and values.shape[-1] % BLOCK
    if values.ndim < 2 or kind == "F32" or name == "position_embd.weight":
        writer.add_tensor(name, values)
    else:
        as_kind = GGMLQuantizationType["F16" if small else kind]
        writer.add_tensor(name, quants.quantize(values, as_kind), raw_dtype=as_kind)


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
