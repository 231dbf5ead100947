"""A graph of `graph.py` with its keys and values in blocks, compiled for this machine's processor.

OpenVINO's own transformation replaces each attention over variables by PagedAttention, whose keys and values are
tensors of ours. What a step reads lies end to end, without padding: `subsequence_begins` says where an answer begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

from catenary.errors import Damaged, InvalidInput
from catenary.inference.memory import check_budget, free_bytes, room_for
from catenary.inference.openvino.core import CORE
from catenary.inference.scheduler import Chunk

CACHE_BYTES = 128 << 20  # unless one text of the model's whole length needs more
PAGED = "PagedAttentionExtension"
SLIDING_WINDOW = 10  # which input of it
# A step of so many tokens is bound by its products, and with AMX those of bfloat16 are quicker: 512 tokens of SmolLM2
# take 0.6 times as long, one token 1.5 times (Sapphire Rapids). There prompts are read in bfloat16, and answers are
# written as above; the weights lie in memory once more, where there is room for them.
MANY_TOKENS = 64


class OpenVinoModel:
    """A `PagedModel`. `exact`: all arithmetic in float32, as tests of parity need it.

    `cache_bytes` holds the keys and values of all answers; where None, CACHE_BYTES or what `context_tokens` tokens
    take, whichever is more, and at most a quarter of the memory that is free. `most_tokens` bounds it too.
    """

    def __init__(
        self,
        graph: ov.Model | Path,
        *,
        threads: int | None = None,
        cache_bytes: int | None = None,
        context_tokens: int = 0,
        most_tokens: int | None = None,
        exact: bool = False,
        windows: Sequence[int] | None = None,
    ) -> None:
        weights = 0
        if isinstance(graph, Path):
            file = graph.with_suffix(".bin")
            weights = file.stat().st_size if file.is_file() else 0
            try:
                graph = CORE.read_model(graph)
            except RuntimeError as error:
                raise Damaged(
                    "The OpenVINO model cannot be read.", where=str(graph), got=str(error)[:300]
                ) from None
        # float32 between the products of int8: as quick as bfloat16, half its loss, and the same on every processor.
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if exact:
            settings |= {"KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        graph = _paged(graph, windows)
        ways = [settings]
        if not exact and has_amx() and room_for(weights):
            ways.append(settings | {"INFERENCE_PRECISION_HINT": "bf16"})
        with ThreadPoolExecutor(len(ways)) as threaded:  # side by side: 1.5 s in place of 2.6
            made = list(threaded.map(lambda way: CORE.compile_model(graph, "CPU", way), ways))
        compiled = made[0]
        requests = [one.create_infer_request() for one in made]
        self._writing, self._reading = requests[0], requests[-1]
        pages = {one.any_name: one for one in compiled.inputs if "_cache." in one.any_name}
        self.block_tokens = int(pages["value_cache.0"].partial_shape[2].get_length())
        each = sum(_bytes(one) for one in pages.values())
        if cache_bytes is None:
            cache_bytes = max(CACHE_BYTES, -(-context_tokens // self.block_tokens) * each)
            free = free_bytes()
            cache_bytes = cache_bytes if free is None else min(cache_bytes, free // 4)
        self.blocks = cache_bytes // each
        if most_tokens is not None:
            self.blocks = min(self.blocks, -(-most_tokens // self.block_tokens))
        if self.blocks < 1:
            raise InvalidInput(
                "The cache is too small for one block of tokens.",
                got=f"{cache_bytes / 1e6:.1f} MB",
                expected="at least {size} MB",
                size=f"{each / 1e6:.1f}",
            )
        self.cache_bytes = self.blocks * each
        check_budget("the cache of keys and values", self.cache_bytes)
        for name, page in pages.items():
            shape = [self.blocks, *(one.get_length() for one in list(page.partial_shape)[1:])]
            tensor = ov.Tensor(page.element_type, ov.Shape(shape))
            for request in requests:
                request.set_tensor(name, tensor)

    def step(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """See `PagedModel.step`."""
        ids = [id for chunk in chunks for id in chunk.ids]
        places = [chunk.start + at for chunk in chunks for at in range(len(chunk.ids))]
        begins = np.cumsum([0, *(len(chunk.ids) for chunk in chunks)])
        needed = [-(-(chunk.start + len(chunk.ids)) // self.block_tokens) for chunk in chunks]
        held = [block for chunk, count in zip(chunks, needed, strict=True) for block in chunk.blocks[:count]]
        rows = [
            row for chunk, end in zip(chunks, begins[1:], strict=True) for row in range(end - chunk.last, end)
        ]
        feed: dict[str, Any] = {
            "input_ids": np.array(ids, dtype=np.int64),
            "position_ids": np.array(places, dtype=np.int64),
            "past_lens": np.array([chunk.start for chunk in chunks], dtype=np.int32),
            "subsequence_begins": begins.astype(np.int32),
            "block_indices": np.array(held, dtype=np.int32),
            "block_indices_begins": np.cumsum([0, *needed]).astype(np.int32),
            "max_context_len": np.array(
                max(chunk.start + len(chunk.ids) for chunk in chunks), dtype=np.int32
            ),
            "rows": np.array(rows or [0], dtype=np.int64),
        }
        request = self._reading if len(ids) >= MANY_TOKENS else self._writing
        for name, value in feed.items():
            request.set_tensor(name, ov.Tensor(value))
        request.infer()
        logits: NDArray[np.float32] = request.get_tensor("logits").data[:, 0]
        return logits[: len(rows)]


def _paged(graph: ov.Model, windows: Sequence[int] | None) -> ov.Model:
    """The graph over pages, computing logits of the tokens in `rows` alone. `windows`: each layer's, 0 for none."""
    from openvino._offline_transformations import paged_attention_transformation

    paged_attention_transformation(graph)
    attentions = [node for node in graph.get_ordered_ops() if node.get_type_name() == PAGED]
    if not attentions:
        raise Damaged("The OpenVINO model has no attention over variables.", got=graph.get_friendly_name())
    for node, window in zip(attentions, windows or (), strict=False):
        node.input(SLIDING_WINDOW).replace_source_output(ops.constant(np.int32(window)).output(0))
    rows = ops.parameter(ov.PartialShape([-1]), ov.Type.i64, name="rows")
    rows.output(0).set_names({"rows"})
    last = graph.get_results()[0].input_value(0).get_node()  # hidden states times the vocabulary
    chosen = ops.gather(last.input_value(0), rows, ops.constant(np.int64(0)))
    last.input(0).replace_source_output(chosen.output(0))
    graph.add_parameters([rows])
    graph.validate_nodes_and_infer_types()
    return graph


@cache
def has_amx() -> bool:
    """Whether the processor multiplies tiles of bfloat16."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False


def _bytes(page: Any) -> int:
    """Of one block."""
    numbers = int(np.prod([one.get_length() for one in list(page.partial_shape)[1:]]))
    return numbers * int(page.element_type.size)
