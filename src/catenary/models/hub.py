"""Model folders as Hugging Face lays them out, in and out: config.json, model.safetensors, tokenizer.json.

    >>> from pathlib import Path
    >>> from catenary.models import build, configure, load, save
    >>> model = build(configure("bert", "nano", vocab_size=100), "mlm", seed=1)
    >>> folder = getfixture("tmp_path")
    >>> save(model, folder)
    >>> load(folder).head_name
    'mlm'

Nothing in a folder is ever executed: no pickle, no code that `auto_map` names.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from catenary.errors import Damaged, InvalidInput
from catenary.files import make_folder, sync_folder, write_whole
from catenary.models.checkpoint import as_tied, drop_copies, files_of, fill, in_our_names, in_their_names
from catenary.models.config import HeadName, TransformerConfig
from catenary.models.families.family import Family, Tensors
from catenary.models.gguf import read_as_folder
from catenary.models.heads import LABELLED
from catenary.models.initialise import initialise
from catenary.models.model import Model
from catenary.models.model_files import COMPANIONS, INDEX, WHOLE, read_settings
from catenary.models.sentence import read_pooling, write_pooling
from catenary.models.sizes import family_of
from catenary.models.tensors import MAX_SHARD_BYTES, check_finite, read_folder, write_weights

WEIGHTS = (WHOLE, INDEX, "model-*-of-*.safetensors")
MAX_LABELS = 1 << 20  # the largest published sets have some 700,000
BESIDE = ".saving-"  # how the folder starts that a save writes into first


def build(
    config: TransformerConfig, head: HeadName, *, labels: Sequence[str] | None = None, seed: int
) -> Model:
    """A new model on the CPU in fp32, its weights drawn as the family's paper has it; the same seed, the same bits.

    Raises InvalidInput for a head that the family lacks, and for labels that do not fit the head.
    """
    files_of(family_of(config.family), head)
    model = Model(config, head, labels)
    initialise(model, seed)
    return model.train()


def load(
    folder: Path | str,
    head: HeadName | None = None,
    *,
    labels: Sequence[str] | None = None,
    seed: int | None = None,
    dtype: torch.dtype | None = None,
) -> Model:
    """The model of a folder or a GGUF file: in evaluation mode, on the CPU, in its file's dtype or in `dtype`.

    `head` other than the one stored swaps it: tensors that the file holds for the new head are taken, the others are
    drawn from `seed`; `model.loaded` tells which. Everything else is strict.

    Raises NotFound (no such folder or file), InvalidInput (unknown family, head or setting; a tensor missing, left
    over or of another shape; a tokenizer that does not fit) and Damaged (a file that is not what it says it is).
    """
    source = Path(folder)
    if source.suffix == ".gguf":
        settings, given = read_as_folder(source)
        where = str(source)
    else:
        settings, given = read_settings(source), read_folder(source)
        where = str(source / "config.json")
    family = family_of(str(settings.get("model_type")), where=where)
    config = family.config_from(settings, where=where)
    if pooling := read_pooling(source):
        config = config.model_copy(update={"embedding_pooling": pooling})
    stored = _stored_head(family, settings)
    head = head or stored
    if head is None:
        raise InvalidInput(
            "The folder does not say which head the model has.",
            where=where,
            got=str(settings.get("architectures")),
            expected="one of {architectures}, or a head to load it with",
            architectures=", ".join(files.architecture for files in family.heads.values()),
        )
    stored_labels = _labels(settings, where) if stored in LABELLED else None
    if head in LABELLED and labels is None:
        labels = stored_labels
    swapped = head != stored or (labels is not None and list(labels) != stored_labels)
    check_vocabulary(source, config)
    check_finite(given, str(source))

    tensors = in_our_names(given, family, head, config)
    config = as_tied(config, tensors)
    drop_copies(tensors, family, source)
    with torch.device("meta"):
        model = Model(config, head, labels)
    fill(model, tensors, family, source, swapped=swapped, seed=seed)
    return model.to(dtype or _common_dtype(given)).eval()


def save(model: Model, folder: Path | str, *, max_shard_bytes: int = MAX_SHARD_BYTES) -> None:
    """Write config.json and model.safetensors into `folder`; the same model gives the same bytes.

    Weights of more than `max_shard_bytes` go into shards with an index. All or nothing: everything is written beside
    and synced first, and config.json, without which a folder holds no model, is taken away before the weights change
    and put back last. What a save that was killed left beside goes with the next one; two at a time may not save into
    one folder.
    """
    folder = Path(folder)
    make_folder(folder)
    for left in folder.glob(f"{BESIDE}*"):
        shutil.rmtree(left)
    family = family_of(model.config.family)
    files = files_of(family, model.head_name)
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    settings = family.settings_of(model.config) | {"architectures": [files.architecture], "dtype": dtype}
    if model.labels:
        settings["id2label"] = {str(number): label for number, label in enumerate(model.labels)}
        settings["label2id"] = {label: number for number, label in enumerate(model.labels)}
    tensors = in_their_names(model.state_dict(), family, model.head_name, model.config)
    with tempfile.TemporaryDirectory(prefix=BESIDE, dir=folder) as name:
        beside = Path(name)
        weights = write_weights(tensors, beside, max_shard_bytes)
        write_json(settings, beside / "config.json")
        (folder / "config.json").unlink(missing_ok=True)
        sync_folder(folder)
        for stale in (path for pattern in WEIGHTS for path in folder.glob(pattern)):
            stale.unlink()
        if model.head_name == "embed":
            write_pooling(folder, model.pooling, model.config.hidden_size)
        for file in (*weights, "config.json"):
            (beside / file).replace(folder / file)
        sync_folder(folder)


def copy_companions(source: Path | str, folder: Path | str) -> tuple[str, ...]:
    """Copy the tokenizer, generation settings, chat template and task beside a model; returns what there was."""
    there = [name for name in COMPANIONS if (Path(source) / name).is_file()]
    for name in there:
        shutil.copyfile(Path(source) / name, Path(folder) / name)
    return tuple(there)


def _stored_head(family: Family, settings: dict[str, Any]) -> HeadName | None:
    architectures = settings.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        return None
    return family.head_of(str(architectures[0]))


def _labels(settings: dict[str, Any], where: str) -> list[str]:
    """The labels that config.json names; LABEL_0, LABEL_1 … where it names none."""
    named = settings.get("id2label")
    if named is None:
        count = settings.get("num_labels", 2)  # Hugging Face's default, which it does not write out
        count = 2 if count is None else count
        if not isinstance(count, int) or not 0 < count <= MAX_LABELS:
            raise InvalidInput(
                "The model setting {key} cannot be used.",
                key="num_labels",
                got=repr(count)[:200],
                expected="1 to {last}",
                last=MAX_LABELS,
                where=where,
            )
        return [f"LABEL_{number}" for number in range(count)]
    if not isinstance(named, dict) or set(named) != {str(number) for number in range(len(named))}:
        raise InvalidInput(
            "The labels of config.json are not numbered from 0 on.",
            where=where,
            got=str(named)[:200],
            expected="id2label",
        )
    return [str(named[str(number)]) for number in range(len(named))]


def check_vocabulary(folder: Path, config: TransformerConfig) -> None:
    """InvalidInput where `tokenizer.json` makes a token id that the embedding has no row for."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return
    try:
        tokenizer = json.loads(path.read_bytes())
        vocabulary = tokenizer["model"]["vocab"]
        ids = (
            vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
        )  # unigram: a list
        largest = max([*ids, *(token["id"] for token in tokenizer.get("added_tokens", []))], default=-1)
    except (UnicodeDecodeError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise Damaged("tokenizer.json cannot be read.", where=str(path), got=repr(error)[:200]) from None
    if not isinstance(largest, int) or largest >= config.vocab_size:
        raise InvalidInput(
            "The tokenizer does not fit the model.",
            where=str(path),
            got=f"token id {largest}",
            expected="ids below {vocab_size}, the rows of the embedding",
            vocab_size=config.vocab_size,
        )


def _common_dtype(tensors: Tensors) -> torch.dtype:
    """The dtype of the file; fp32 where it mixes several, as a forward pass cannot."""
    dtypes = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    return dtypes.pop() if len(dtypes) == 1 else torch.float32


def write_json(value: dict[str, Any], path: Path) -> None:
    """Sorted and indented, as Hugging Face writes it."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_whole(path, text.encode("utf-8"))
