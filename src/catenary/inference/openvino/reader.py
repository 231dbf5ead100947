"""OpenVINO as the engine that labels texts and makes vectors of them. Needs openvino and tokenizers; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from catenary.errors import Damaged
from catenary.inference.batches import Batch, batches, tokenise
from catenary.inference.folder import ONNX_FILE, OPENVINO_FILE, Opened, TextModelFolder
from catenary.inference.onnx_engine import INPUTS, OUTPUT, cores
from catenary.inference.openvino.core import CORE
from catenary.inference.port import Embeddings, Stop, go_on, never
from catenary.inference.transformer import Forward, TransformerClassifier

# Texts of like length in small batches, a batch a core: large ones spill out of the cache of a core.
TOKENS_PER_BATCH = 512


def openvino_classifier(folder: TextModelFolder, threads: int | None) -> TransformerClassifier:
    """A classifier over the folder's graph; `threads` None is one a core, and each works on a batch of its own."""
    workers = threads or cores()
    forward = openvino_forward(folder.path, workers)
    return TransformerClassifier(folder, forward, tokens_per_batch=TOKENS_PER_BATCH, workers=workers)


class OpenVinoEmbedder:
    """An `Embedder` over the folder's graph."""

    def __init__(self, folder: Opened, threads: int | None) -> None:
        self.size = int(folder.config.get("hidden_size") or folder.config["d_model"])
        self._folder = folder
        workers = threads or cores()
        self._forward = openvino_forward(folder.path, workers)
        self._workers = ThreadPoolExecutor(workers, "inference")
        folder.tokenizer.enable_truncation(folder.max_tokens)

    def embed(self, texts: Sequence[str], *, stop: Stop = never) -> Embeddings:
        """See `Embedder.embed`."""
        tokenised = tokenise(self._folder.tokenizer, texts, self._folder.max_tokens)
        made = list(batches(tokenised, self._folder.pad_id, TOKENS_PER_BATCH))

        def vectors_of(batch: Batch) -> NDArray[np.float32]:
            go_on(stop)
            return self._forward(batch.input_ids, batch.attention_mask)

        vectors = np.empty((len(texts), self.size), dtype=np.float32)
        for batch, some in zip(made, self._workers.map(vectors_of, made), strict=True):
            if some.shape != (len(batch.indices), self.size) or not np.isfinite(some).all():
                raise Damaged(
                    "The model's vectors are not finite numbers of its size: it is damaged.",
                    where=str(self._folder.path),
                    got=f"vectors of shape {some.shape}",
                )
            vectors[batch.indices] = some
        return Embeddings(
            vectors,
            tuple(len(text.ids) for text in tokenised),
            tuple(text.truncated for text in tokenised),
        )


def openvino_forward(folder: Path, workers: int, *, exact: bool = False) -> Forward:
    """The folder's graph, ready to run as many batches at once as there are `workers`, each on a thread.

    `exact`: all arithmetic in float32. Raises Damaged for a graph that cannot be read or takes other inputs.
    """
    # What is released as ONNX alone, or read where there is no torch to convert with: OpenVINO reads it as it is.
    graph, exported = folder / OPENVINO_FILE, folder / ONNX_FILE
    file = exported if exported.is_file() and not graph.is_file() else graph
    settings: dict[str, Any] = {
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": workers,
        "INFERENCE_PRECISION_HINT": "f32",  # the same on every processor
    }
    if exact:
        settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
    try:
        compiled = CORE.compile_model(CORE.read_model(file), "CPU", settings)
    except RuntimeError as error:
        raise Damaged("The OpenVINO model cannot be read.", where=str(file), got=str(error)[:300]) from None
    names = sorted(one.any_name for one in compiled.inputs)
    if names != sorted(INPUTS) or OUTPUT not in [one.any_name for one in compiled.outputs]:
        raise Damaged(
            "The OpenVINO model takes other inputs than a model that reads does.",
            where=str(file),
            got=", ".join(names),
            expected="input_ids and attention_mask in, logits out",
        )
    idle: SimpleQueue[Any] = SimpleQueue()
    for _ in range(workers):
        idle.put(compiled.create_infer_request())

    def forward(input_ids_BT: NDArray[np.int64], attention_mask_BT: NDArray[np.int64]) -> NDArray[np.float32]:
        request = idle.get()
        try:
            for name, value in zip(INPUTS, (input_ids_BT, attention_mask_BT), strict=True):
                request.set_tensor(name, ov.Tensor(np.ascontiguousarray(value)))
            request.infer()
            return np.array(request.get_tensor(OUTPUT).data, dtype=np.float32)
        finally:
            idle.put(request)

    return forward
