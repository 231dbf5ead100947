"""A checkpoint's tensors and ours: what each is called, which are copies, and a model filled with them, strictly."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from catenary.errors import InvalidInput
from catenary.models.config import HeadName, TransformerConfig
from catenary.models.families.family import Family, HeadFiles, Tensors
from catenary.models.initialise import initialise
from catenary.models.model import Loaded, Model
from catenary.models.names import to_ours, to_theirs
from catenary.models.transformer import EncoderDecoder


def files_of(family: Family, head: str) -> HeadFiles:
    """How the family stores this head. InvalidInput lists the heads that it has."""
    if head not in family.heads:
        raise InvalidInput(
            "The family {family} has no such head.",
            family=family.model_type,
            got=head,
            expected="{heads}",
            heads=" / ".join(family.heads),
        )
    return family.heads[head]  # type: ignore[index]


def in_our_names(given: Tensors, family: Family, head: HeadName, config: TransformerConfig) -> Tensors:
    """A checkpoint's tensors by our names: the body's start with `model.`, this head's with `head.` or
    `next_sentence.`; those of other heads keep the names that they have."""
    others = [files.names for files in family.heads.values()]
    prefixes = {family.prefix, *(files.prefix for files in family.heads.values() if files.prefix)} - {""}
    tensors: Tensors = {}
    for name, tensor in family.unpack(given, config).items():
        # TensorFlow's BERT called a norm's weight and bias gamma and beta; many files on the hub still do.
        name = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", name))
        prefix = next((prefix for prefix in prefixes if name.startswith(f"{prefix}.")), "")
        # A body stored alone (`BertModel`) carries no prefix; its pooler is known by its whole name all the same.
        for full in (name, f"{family.prefix}.{name}" if not prefix else name):
            if (renamed := to_ours(full, files_of(family, head).names)) != full:
                break
            if any(to_ours(full, names) != full for names in others):
                renamed = full
                break
        else:
            renamed = "model." + to_ours(name.removeprefix(f"{prefix}."), family.names)
        tensors[renamed] = tensor
    return tensors


def in_their_names(tensors: Tensors, family: Family, head: HeadName, config: TransformerConfig) -> Tensors:
    """The tensors of a model as the family's checkpoints call them."""
    return family.pack({_their_name(name, family, head): tensor for name, tensor in tensors.items()}, config)


def _their_name(name: str, family: Family, head: HeadName) -> str:
    files = files_of(family, head)
    if not name.startswith("model."):
        return to_theirs(name, files.names)
    prefix = family.prefix if files.prefix is None else files.prefix
    return (f"{prefix}." if prefix else "") + to_theirs(name.removeprefix("model."), family.names)


def as_tied(config: TransformerConfig, tensors: Tensors) -> TransformerConfig:
    """Whether the last layer is the embedding, the file itself says best: some hold one of its own though config.json
    says that they are tied (T5 1.1)."""
    last = tensors.get("head.out_proj.weight")
    table = tensors.get("model.shared.weight", tensors.get("model.embed_tokens.weight"))
    if last is None or table is None or not config.tie_word_embeddings or last.shape != table.shape:
        return config
    if torch.equal(last, table):
        del tensors["head.out_proj.weight"]
        return config
    return config.model_copy(update={"tie_word_embeddings": False})


def drop_copies(tensors: Tensors, family: Family, source: Path) -> None:
    """Leave out the copies of other tensors that many files hold; InvalidInput where one is no copy."""
    for name in list(tensors):
        original = next((to for pattern, to in family.copies.items() if re.fullmatch(pattern, name)), None)
        if original is None:
            continue
        if original in tensors and not torch.equal(tensors[name], tensors[original]):
            raise InvalidInput(
                "The tensor {tensor} differs from the one that it should be a copy of.",
                tensor=name,
                where=str(source),
                got="different numbers",
                expected="those of {original}",
                original=original,
            )
        tensors.setdefault(original, tensors[name])
        del tensors[name]


def _may_be_left(name: str, family: Family) -> bool:
    """Whether a tensor that the model has no place for is one that files hold for no use."""
    return any(re.fullmatch(pattern, name) for pattern in family.unused)


def fill(
    model: Model, tensors: Tensors, family: Family, source: Path, *, swapped: bool, seed: int | None
) -> None:
    """Give a model on the meta device its tensors; draw those of a new head."""
    wanted = model.state_dict()
    if swapped and model.labels:
        # Another head's last layer, or other labels': of the same shape perhaps, but of another meaning.
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("head.out_proj.")}
    strangers = sorted(tensors.keys() - wanted.keys())
    # A swapped head leaves the old one's tensors unused, and a decoder that it does not read; the rest of the body must
    # all have its place.
    unread = (
        ("model.decoder.",) if isinstance(model.model, EncoderDecoder) and not model.model.decoder else ()
    )
    for name in strangers:
        dropped = swapped and (not name.startswith("model.") or name.startswith(unread))
        if not dropped and not _may_be_left(name, family):
            raise InvalidInput(
                "The checkpoint holds a tensor that the model has no place for: {tensor}.",
                tensor=_their_name(name, family, model.head_name),
                where=str(source),
                got=f"shape {tuple(tensors[name].shape)}",
                expected="the tensors of a {family} with the head {head}",
                family=family.model_type,
                head=model.head_name,
            )
    for name in family.zeros & (wanted.keys() - tensors.keys()):
        tensors = {**tensors, name: torch.zeros(wanted[name].shape)}
    missing = sorted(wanted.keys() - tensors.keys())
    for name in missing:
        if not swapped or name.startswith("model."):
            raise InvalidInput(
                "The checkpoint lacks the tensor {tensor}.",
                tensor=_their_name(name, family, model.head_name),
                where=str(source),
                got=f"{len(missing)} missing",
                expected="shape {shape}",
                shape=tuple(wanted[name].shape),
            )
    for name, tensor in tensors.items():
        if name in wanted and tensor.shape != wanted[name].shape:
            raise InvalidInput(
                "The tensor {tensor} has another shape than config.json says.",
                tensor=_their_name(name, family, model.head_name),
                where=str(source),
                got=str(tuple(tensor.shape)),
                expected="{shape}",
                shape=tuple(wanted[name].shape),
            )
        if name in wanted and not tensor.is_floating_point():
            raise InvalidInput(
                "The tensor {tensor} does not hold floating-point numbers.",
                tensor=_their_name(name, family, model.head_name),
                where=str(source),
                got=str(tensor.dtype).removeprefix("torch."),
                expected="float32, bfloat16 or float16",
            )
    if missing and seed is None:
        raise InvalidInput(
            "A new head needs a seed to be drawn from.",
            got=model.head_name,
            expected="load(…, head=…, seed=…)",
        )
    drawn = {name: torch.empty(wanted[name].shape) for name in missing}
    model.load_state_dict({name: tensors[name] for name in wanted if name in tensors} | drawn, assign=True)
    if seed is not None:
        initialise(model, seed, missing)
    unused = tuple(_their_name(name, family, model.head_name) for name in strangers)
    model.loaded = Loaded(initialised=tuple(missing), unused=unused)
