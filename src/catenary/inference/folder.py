"""Opening a model folder: what must be there, and what in it must agree, before any weight is read.

A folder has Hugging Face's layout: `config.json`, `tokenizer.json`, `tokenizer_config.json`, and the weights
as `model.onnx` or `model.safetensors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.errors import Damaged, InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ONNX_FILE = "model.onnx"
OPENVINO_FILE = "openvino_model.xml"
OPENVINO_WEIGHTS = "openvino_model.bin"
OPENVINO_READER = "openvino_reader.xml"  # of an encoder–decoder: what reads a text once,
OPENVINO_WRITER = "openvino_writer.xml"  # and what writes a token a step
SAFETENSORS_FILE = "model.safetensors"
SAFETENSORS_INDEX = "model.safetensors.index.json"  # of weights in shards
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt", "*.joblib")


@dataclass(frozen=True, slots=True)
class Opened:
    """A checked folder; `max_tokens` counts special tokens."""

    path: Path
    config: Mapping[str, Any]
    max_tokens: int
    pad_id: int
    tokenizer: Tokenizer


@dataclass(frozen=True, slots=True)
class TextModelFolder(Opened):
    """A checked folder of a model that gives labels, which stand in the model's order."""

    labels: tuple[str, ...]


def open_text_model(path: Path) -> TextModelFolder:
    """The folder's settings and tokenizer, checked against each other.

    Raises NotFound for a missing file, Damaged for one that does not parse, InvalidInput for settings that do
    not fit together.
    """
    config = read_json(path / "config.json")
    labels = _labels(config, path)
    opened = open_tokenized_model(path)
    return TextModelFolder(
        opened.path, opened.config, opened.max_tokens, opened.pad_id, opened.tokenizer, labels
    )


def open_tokenized_model(path: Path) -> Opened:
    """As `open_text_model`, for a model without labels."""
    config = read_json(path / "config.json")
    tokenizer = read_tokenizer(path)
    vocab_size = _whole_number(config, "vocab_size", path)
    tokens = tokenizer.get_vocab_size(with_added_tokens=True)
    if tokens > vocab_size:
        raise InvalidInput(
            "The tokenizer has more tokens than the model has embeddings: they are not of one model.",
            where=str(path),
            got=f"tokenizer.json: {tokens}, config.json vocab_size: {vocab_size}",
            expected="a tokenizer of at most vocab_size tokens",
        )
    # Catenary's tokenizers all have [CLS]; one that puts no token around a text was saved without the model's frame.
    if tokenizer.num_special_tokens_to_add(False) == 0 and tokenizer.token_to_id("[CLS]") is not None:
        raise InvalidInput(
            "The tokenizer does not put the model's special tokens around a text.",
            where=str(path / "tokenizer.json"),
            expected="a tokenizer saved for its model, with a post-processor",
        )
    return Opened(
        path=path,
        config=config,
        max_tokens=_max_tokens(config, path),
        pad_id=_pad_id(config, vocab_size, path),
        tokenizer=tokenizer,
    )


def has_graph(path: Path) -> bool:
    """Whether `path` holds what OpenVINO runs."""
    return any((path / name).is_file() for name in (OPENVINO_FILE, OPENVINO_WRITER))


def refuse_pickle(path: Path) -> None:
    """Raise Refused if all that `path` holds as weights are pickle files, which can run code when read."""
    for pattern in PICKLES:
        for found in sorted(path.glob(pattern)):
            raise Refused(
                "Catenary does not read pickled weights: a pickle can run any code when it is opened.",
                got=str(found),
                expected="weights as safetensors or ONNX",
            )


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in the file `path`; NotFound without it, Damaged if it is none."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound("The model folder lacks a file.", where=str(path.parent), got=path.name) from None
    except (ValueError, RecursionError) as error:
        raise Damaged("This file is not valid JSON.", where=str(path), got=error) from error
    if not isinstance(value, dict):
        raise Damaged("This file must hold one JSON object.", where=str(path), got=type(value).__name__)
    return value


def _labels(config: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    named = config.get("id2label")
    if not isinstance(named, dict) or not named:
        raise InvalidInput(
            "This model is no classifier: its config names no labels.",
            where=str(path / "config.json"),
            expected="id2label with one name a class",
        )
    try:
        labels = tuple(named[str(i)] for i in range(len(named)))
    except KeyError as missing:
        raise InvalidInput(
            "The labels must be numbered from 0 without a gap.",
            where=str(path / "config.json"),
            got=f"id2label without {missing}",
        ) from None
    if len(set(labels)) != len(labels) or not all(isinstance(label, str) for label in labels):
        raise InvalidInput(
            "The labels must be different texts.", where=str(path / "config.json"), got=list(labels)
        )
    kind = config.get("problem_type")
    if kind not in (None, "single_label_classification"):
        raise InvalidInput(
            "Only models that give each text one label can be loaded here.",
            where=str(path / "config.json"),
            got=f"problem_type: {kind}",
            expected="single_label_classification",
        )
    return labels


def read_tokenizer(path: Path) -> Tokenizer:
    """The folder's tokenizer, neither padding nor cutting. Raises NotFound and Damaged."""
    from tokenizers import Tokenizer

    file = path / "tokenizer.json"
    if not file.is_file():
        raise NotFound("The model folder lacks a file.", where=str(path), got=file.name)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises plain Exception for every fault of the file
        raise Damaged("The tokenizer file cannot be read.", where=str(file), got=error) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _max_tokens(config: Mapping[str, Any], path: Path) -> int:
    limit = _whole_number(config, "max_position_embeddings", path)
    for file, key in (
        ("tokenizer_config.json", "model_max_length"),
        ("sentence_bert_config.json", "max_seq_length"),
    ):
        told = read_json(path / file).get(key) if (path / file).is_file() else None
        # transformers writes 1e30 where the tokenizer knows no limit.
        limit = min(limit, told) if isinstance(told, int) and told > 0 else limit
    return limit


def _pad_id(config: Mapping[str, Any], vocab_size: int, path: Path) -> int:
    pad_id = config.get("pad_token_id")
    if pad_id is None:
        return 0  # masked out, so any id within the vocabulary does
    if not isinstance(pad_id, int) or not 0 <= pad_id < vocab_size:
        raise InvalidInput(
            "The padding token is outside the vocabulary.", where=str(path / "config.json"), got=pad_id
        )
    return pad_id


def _whole_number(config: Mapping[str, Any], key: str, path: Path) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(
            "The model's config needs a whole number of at least 1 for {key}.",
            key=key,
            where=str(path / "config.json"),
            got=value,
        )
    return value
