"""torch and our own core as the engine that writes: every family, any settings, no conversion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from catenary.inference.generator_folder import GeneratorFolder
from catenary.inference.rows import Logits
from catenary.inference.rows_generator import CACHE_BYTES, ROWS, RowsGenerator
from catenary.inference.torch_rows import Rows, row_bytes
from catenary.models import Model


class TorchGenerator(RowsGenerator):
    """A `Generator` over a model of ours in evaluation mode."""

    def __init__(
        self, folder: GeneratorFolder, model: Model, *, rows: int = ROWS, cache_bytes: int = CACHE_BYTES
    ) -> None:
        told = TorchModel(model)
        reads = told.prompt_logits if model.config.kind == "decoder" else None
        super().__init__(folder, told, rows=rows, cache_bytes=cache_bytes, prompt_logits=reads)


class TorchModel:
    """A `RowsModel`; the model keeps no state between calls."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @torch.inference_mode()
    def start(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[_TorchRows, Logits]:
        """See `RowsModel.start`."""
        rows, logits_BV = Rows.start(self._model, prompts, new_tokens)
        return _TorchRows(rows), np.asarray(logits_BV.numpy())

    @torch.inference_mode()
    def prompt_logits(self, prompt: Sequence[int]) -> Logits:
        """(T, V): what a decoder thinks behind each token of a prompt."""
        return np.asarray(self._model(torch.tensor([list(prompt)])).logits[0].float().numpy())

    def row_bytes(self, prompt_tokens: int, new_tokens: int) -> int:
        """See `RowsModel.row_bytes`."""
        return row_bytes(self._model, prompt_tokens, new_tokens)


class _TorchRows:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> Logits:
        return np.asarray(self._rows.read(torch.tensor(list(tokens))).numpy())

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        self._rows.keep(torch.tensor(list(rows)))
