"""torch and our own model core as the engine: what a model is before its release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from catenary.errors import NotFound
from catenary.inference.batches import TOKENS_PER_BATCH
from catenary.inference.folder import (
    SAFETENSORS_FILE,
    SAFETENSORS_INDEX,
    TextModelFolder,
    read_json,
    refuse_pickle,
)
from catenary.inference.transformer import TransformerClassifier

if TYPE_CHECKING:
    from catenary.models import HeadName, Model


def torch_classifier(folder: TextModelFolder, threads: int | None) -> TransformerClassifier:
    """A classifier that runs the folder's `model.safetensors` on the CPU.

    torch has one number of threads a process: `threads`, where given, is set for all of it.
    """
    forward = torch_forward(folder, threads)
    return TransformerClassifier(folder, forward, tokens_per_batch=TOKENS_PER_BATCH, pairs=forward)


class TorchForward(Protocol):
    """A `Forward` and a `ForwardPairs`."""

    def __call__(
        self,
        input_ids_BT: NDArray[np.int64],
        attention_mask_BT: NDArray[np.int64],
        token_type_ids_BT: NDArray[np.int64] | None = None,
        /,
    ) -> NDArray[np.float32]: ...


def torch_forward(folder: TextModelFolder, threads: int | None) -> TorchForward:
    """The folder's weights, ready to run a batch, of pairs too."""
    import torch

    model = read_model(folder.path, threads)
    typed = model.config.type_vocab_size > 1

    def forward(
        input_ids_BT: NDArray[np.int64],
        attention_mask_BT: NDArray[np.int64],
        token_type_ids_BT: NDArray[np.int64] | None = None,
        /,
    ) -> NDArray[np.float32]:
        types = None if token_type_ids_BT is None or not typed else torch.from_numpy(token_type_ids_BT)
        with torch.inference_mode():
            output = model(
                torch.from_numpy(input_ids_BT), torch.from_numpy(attention_mask_BT), token_type_ids=types
            )
        return np.asarray(output.logits.float().numpy(), dtype=np.float32)

    return forward


def read_model(folder: Path, threads: int | None, head: HeadName | None = None) -> Model:
    """The folder's model, whether its weights are int8 or not; `threads`, where given, is set for all the process.

    Raises NotFound where there are no weights or no torch, and what `models.load` raises.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise NotFound(
            "The weights of this model are read by a package that is not installed.",
            got=f"{folder.name}: {error}",
            expected="torch, or a release with `formats: [onnx]` or `[openvino]`, which is served without it",
            next="pip install 'catenary[train]'",
        ) from None

    from catenary import models
    from catenary.inference.int8_weights import is_int8, load_quantised

    if not any((folder / name).is_file() for name in (SAFETENSORS_FILE, SAFETENSORS_INDEX)):
        refuse_pickle(folder)
        raise NotFound("The model folder lacks a file.", where=str(folder), got=SAFETENSORS_FILE)
    if threads is not None:
        torch.set_num_threads(threads)
    return load_quantised(folder) if is_int8(read_json(folder / "config.json")) else models.load(folder, head)
