"""llama.cpp as a peer: the wheel `xllamacpp` runs its server in-process, on the same weights made Q8_0."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from catenary.inference.measure import Answers

AT_ONCE = 16
TOKENS_EACH = 1024


def write_q8_0(source: Path, target: Path) -> None:
    """The GGUF file `source` with every matrix as Q8_0."""
    import gguf
    import numpy as np
    from gguf import GGMLQuantizationType as Kind
    from gguf import quants

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        value = field.contents()
        if kind == gguf.GGUFValueType.ARRAY:
            writer.add_array(name, value)
        else:
            writer.add_key_value(name, value, kind)
    for tensor in reader.tensors:
        plain = quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if plain.ndim == 2:
            writer.add_tensor(tensor.name, quants.quantize(plain, Kind.Q8_0), raw_dtype=Kind.Q8_0)
        else:
            writer.add_tensor(tensor.name, plain)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(file: Path, threads: int) -> Answers:
    """llama.cpp's own server loop, AT_ONCE slots, without its prompt cache."""
    import xllamacpp

    params: Any = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx, params.n_parallel = AT_ONCE * TOKENS_EACH, AT_ONCE
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)

    def one(prompt: Sequence[int], new: int) -> None:
        asked = {
            "prompt": list(prompt),
            "n_predict": new,
            "ignore_eos": True,
            "temperature": 0,
            "cache_prompt": False,
        }
        told: list[Any] = []
        server.handle_completions({**asked, "stream": False}, lambda reply: told.append(reply) and False)

    pool = ThreadPoolExecutor(AT_ONCE)

    def answer(prompts: Sequence[Sequence[int]], new: int) -> None:
        list(pool.map(lambda prompt: one(prompt, new), prompts))

    return answer
