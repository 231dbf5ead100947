"""The recurrent control behind the same port."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from catenary.inference.batches import TOKENS_PER_BATCH
from catenary.inference.folder import open_text_model
from catenary.inference.transformer import TransformerClassifier
from catenary.models.baselines.recurrent import Recurrent


def recurrent_classifier(folder: Path, threads: int | None) -> TransformerClassifier:
    """The LSTM or GRU saved in `folder`. Raises as `open_text_model` and `Recurrent.load` do."""
    opened = open_text_model(folder)
    if threads is not None:
        torch.set_num_threads(threads)
    model = Recurrent.load(folder)

    def forward(input_ids_BT: NDArray[np.int64], attention_mask_BT: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits_BL = model(torch.from_numpy(input_ids_BT), torch.from_numpy(attention_mask_BT)).logits
        return np.asarray(logits_BL.numpy(), dtype=np.float32)

    return TransformerClassifier(opened, forward, tokens_per_batch=TOKENS_PER_BATCH)
