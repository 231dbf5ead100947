"""Graphs with their state inside, compiled: rows that are written together. Encoder–decoders, and beams of decoders.

B rows · S tokens of the longest text · V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from catenary.errors import Damaged, InvalidInput
from catenary.inference.folder import OPENVINO_FILE, OPENVINO_READER, OPENVINO_WRITER
from catenary.inference.memory import kept_numbers
from catenary.inference.openvino.core import CORE
from catenary.inference.rows import Logits
from catenary.models.config import TransformerConfig


class OpenVinoSeq2Seq:
    """A `RowsModel`. `exact`: all arithmetic in float32. Raises Damaged for graphs that cannot be read."""

    def __init__(
        self, folder: Path, config: TransformerConfig, *, threads: int | None = None, exact: bool = False
    ) -> None:
        self._config = config
        names = (OPENVINO_READER, OPENVINO_WRITER)
        self._reader, self._writer = (_compiled(folder / name, threads, exact) for name in names)

    def start(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[_Rows, Logits]:
        """See `RowsModel.start`. Raises InvalidInput for a model that does not say what its decoder begins with."""
        first = self._config.decoder_start_token_id
        if first is None:
            raise InvalidInput(
                "This encoder–decoder does not say what its decoder begins with.",
                got=self._config.family,
                expected="decoder_start_token_id in config.json",
            )
        ids_BS = np.full(
            (len(prompts), max(map(len, prompts))), self._config.pad_token_id or 0, dtype=np.int64
        )
        mask_BS = np.zeros_like(ids_BS)
        for row, prompt in enumerate(prompts):
            ids_BS[row, : len(prompt)] = prompt
            mask_BS[row, : len(prompt)] = 1
        request = self._reader.create_infer_request()
        told = request.infer({"input_ids": ids_BS, "attention_mask": mask_BS})
        memory = {port.any_name: np.array(value) for port, value in told.items()}
        rows = _Rows(self._writer.create_infer_request(), memory, mask_BS)
        return rows, rows.read([first] * len(prompts))

    def row_bytes(self, prompt_tokens: int, new_tokens: int) -> int:
        """See `RowsModel.row_bytes`: float32."""
        return 4 * kept_numbers(self._config, prompt_tokens, new_tokens)


class OpenVinoDecoder:
    """A decoder's graph as a `RowsModel`: keys and values lie in rows, which beams reorder, and not in blocks."""

    def __init__(
        self, folder: Path, config: TransformerConfig, *, threads: int | None = None, exact: bool = False
    ) -> None:
        self._config = config
        self._compiled = _compiled(folder / OPENVINO_FILE, threads, exact)

    def start(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[_DecoderRows, Logits]:
        """See `RowsModel.start`."""
        longest = max(map(len, prompts))
        ids_BT = np.zeros((len(prompts), longest), dtype=np.int64)
        mask_BT = np.zeros_like(ids_BT)
        for row, prompt in enumerate(prompts):
            ids_BT[row, longest - len(prompt) :] = prompt
            mask_BT[row, longest - len(prompt) :] = 1
        rows = _DecoderRows(self._compiled.create_infer_request(), mask_BT[:, :0])
        return rows, rows.step(ids_BT, mask_BT)

    def row_bytes(self, prompt_tokens: int, new_tokens: int) -> int:
        """See `RowsModel.row_bytes`: float32."""
        return 4 * kept_numbers(self._config, prompt_tokens, new_tokens)


def _compiled(file: Path, threads: int | None, exact: bool) -> Any:
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "KV_CACHE_PRECISION": "f32",  # few rows: nothing is gained by rounding them
    }
    if exact:
        settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        return CORE.compile_model(CORE.read_model(file), "CPU", settings)
    except RuntimeError as error:
        raise Damaged("The OpenVINO model cannot be read.", where=str(file), got=str(error)[:300]) from None


class _DecoderRows:
    def __init__(self, request: Any, mask_BS: Any) -> None:
        self._request, self._mask_BS = request, mask_BS
        self._from = np.arange(len(mask_BS), dtype=np.int32)

    def read(self, tokens: Sequence[int]) -> Logits:
        """See `Rows.read`."""
        ids_B1 = np.array(tokens, dtype=np.int64)[:, None]
        return self.step(ids_B1, np.ones_like(ids_B1))

    def step(self, ids_BT: Any, mask_BT: Any) -> Logits:
        """Read these tokens, some of them padding; the logits behind the last."""
        self._mask_BS = np.concatenate([self._mask_BS, mask_BT], axis=1)
        place_BS = np.maximum(self._mask_BS.cumsum(axis=1) - 1, 0)
        told = self._request.infer(
            {
                "input_ids": ids_BT,
                "attention_mask": self._mask_BS,
                "position_ids": np.ascontiguousarray(place_BS[:, -ids_BT.shape[1] :]),
                "beam_idx": self._from,
            }
        )
        self._from = np.arange(len(ids_BT), dtype=np.int32)
        return np.array(told["logits"][:, -1], dtype=np.float32)

    def keep(self, rows: Sequence[int]) -> None:
        """See `Rows.keep`."""
        at = np.array(rows, dtype=np.int32)
        self._from, self._mask_BS = self._from[at], self._mask_BS[at]


class _Rows:
    """`memory`: the keys and values of what was read, a row each. What was written lies in the request's state."""

    def __init__(self, request: Any, memory: dict[str, Any], mask_BS: Any) -> None:
        self._request, self._memory, self._mask_BS = request, memory, mask_BS
        self._from = np.arange(len(mask_BS), dtype=np.int32)
        self._written = 0

    def read(self, tokens: Sequence[int]) -> Logits:
        """See `Rows.read`."""
        told = self._request.infer(
            {
                "input_ids": np.array(tokens, dtype=np.int64)[:, None],
                "encoder_attention_mask": self._mask_BS,
                "start": np.array(self._written, dtype=np.int64),
                "beam_idx": self._from,
                **self._memory,
            },
            share_inputs=True,
        )
        self._written += 1
        self._from = np.arange(len(tokens), dtype=np.int32)
        return np.array(told["logits"][:, -1], dtype=np.float32)

    def keep(self, rows: Sequence[int]) -> None:
        """See `Rows.keep`."""
        at = np.array(rows, dtype=np.int32)
        if self._written:
            self._from = self._from[at]
        self._memory = {name: np.ascontiguousarray(value[at]) for name, value in self._memory.items()}
        self._mask_BS = self._mask_BS[at]
