"""Each export run by its own runtime, the one that will run it elsewhere.

    answer(folder, "onnxruntime", rows)        # rows of token ids → the label's number, or the next token, of each

    transformers    model.safetensors and config.json, as anybody loads them
    torch           the same files by our own core; int8 safetensors too
    onnxruntime     model.onnx
    torch.export    model.pt2, without any code of ours
    openvino        openvino_model.xml
    llama.cpp       model.gguf, through the wheel xllamacpp

For a classifier a row is a text and the answer its label; for a decoder a row is the beginning of a text
and the answer the
likeliest next token.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catenary.compress.exported_program import PROGRAM_FILE
from catenary.compress.gguf_export import GGUF_FILE
from catenary.errors import Damaged, InvalidInput
from catenary.inference.folder import ONNX_FILE, OPENVINO_FILE

Rows = Sequence[Sequence[int]]
Answer = Callable[[Path, Rows], list[int]]
CONTEXT_TOKENS = 1024
_SERVERS: list[
    object
] = []  # taking one of llama.cpp's down may crash: the process ends with it standing (`probe.py`)


def answer(folder: Path, runtime: str, rows: Rows) -> list[int]:
    """What the export in `folder` answers to each row. Raises InvalidInput for an unknown or missing runtime."""
    if runtime not in RUNTIMES:
        raise InvalidInput(
            "There is no runtime of this name.",
            got=runtime,
            expected="one of: {names}",
            names=", ".join(RUNTIMES),
        )
    if not available(runtime):
        raise InvalidInput(
            "The runtime {runtime} is not installed here.",
            runtime=runtime,
            next=f"pip install {PACKAGES[runtime]}",
        )
    return RUNTIMES[runtime](folder, rows)


def available(runtime: str) -> bool:
    """Whether the runtime's package is installed."""
    return importlib.util.find_spec(PACKAGES[runtime]) is not None


def runtime_of(fmt: str, precision: str) -> str:
    """The runtime that runs a format; our own core stands in where transformers is not installed or cannot."""
    if fmt == "safetensors":
        ours_alone = precision in ("int8", "int8-static") or not available("transformers")
        return "torch" if ours_alone else "transformers"
    return {"onnx": "onnxruntime", "exported": "torch.export", "openvino": "openvino", "gguf": "llama.cpp"}[
        fmt
    ]


def _transformers(folder: Path, rows: Rows) -> list[int]:
    import torch
    import transformers

    architecture = json.loads((folder / "config.json").read_text("utf-8"))["architectures"][0]
    model, told = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True)
    if told["missing_keys"] or told["unexpected_keys"] or told.get("mismatched_keys"):
        raise Damaged(
            "transformers does not find the weights that it expects.", where=str(folder), got=str(told)
        )
    model.eval()
    with torch.inference_mode():
        return [_last(model(torch.tensor([list(row)])).logits) for row in rows]


def _torch(folder: Path, rows: Rows) -> list[int]:
    import torch

    from catenary.inference.torch_engine import read_model

    model = read_model(folder, None)
    with torch.inference_mode():
        return [_last(model(torch.tensor([list(row)])).logits) for row in rows]


def _onnxruntime(folder: Path, rows: Rows) -> list[int]:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / ONNX_FILE), options, providers=["CPUExecutionProvider"]
    )
    found = []
    for row in rows:
        ids_1T = np.array([list(row)], dtype=np.int64)
        (logits,) = session.run(["logits"], {"input_ids": ids_1T, "attention_mask": np.ones_like(ids_1T)})
        found.append(int(np.asarray(logits).reshape(-1, logits.shape[-1])[-1].argmax()))
    return found


def _program(folder: Path, rows: Rows) -> list[int]:
    import torch

    run = torch.export.load(folder / PROGRAM_FILE).module()
    with torch.inference_mode():
        return [
            _last(
                run(ids := torch.tensor([list(row) if len(row) > 1 else [*row, *row]]), torch.ones_like(ids))
            )
            for row in rows
        ]


def _openvino(folder: Path, rows: Rows) -> list[int]:
    from catenary.inference.does import does

    return (
        _openvino_reads(folder, rows)
        if does(folder) in ("classify", "tag")
        else _openvino_writes(folder, rows)
    )


def _openvino_reads(folder: Path, rows: Rows) -> list[int]:
    import numpy as np

    from catenary.inference.openvino.reader import openvino_forward

    forward = openvino_forward(folder, 1)
    found = []
    for row in rows:
        ids_1T = np.array([list(row)], dtype=np.int64)
        logits = forward(ids_1T, np.ones_like(ids_1T))
        found.append(int(logits.reshape(-1, logits.shape[-1])[-1].argmax()))
    return found


def _openvino_writes(folder: Path, rows: Rows) -> list[int]:
    from catenary.inference.generator_folder import open_generator
    from catenary.inference.openvino.paged import OpenVinoModel
    from catenary.inference.scheduler import Chunk

    served = OpenVinoModel(
        folder / OPENVINO_FILE, most_tokens=max(map(len, rows)), windows=open_generator(folder).windows
    )
    found = []
    for row in rows:
        blocks = range(-(-len(row) // served.block_tokens))
        found.append(int(served.step([Chunk(list(row), 0, blocks, 1)])[-1].argmax()))
    return found


def _llama_cpp(folder: Path, rows: Rows) -> list[int]:
    import xllamacpp

    params: Any = xllamacpp.CommonParams()
    params.model.path = str(folder / GGUF_FILE)
    params.n_ctx, params.n_parallel = max(CONTEXT_TOKENS, 2 * max(map(len, rows))), 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.verbosity = 10  # or numbers of tokens are not told
    server = xllamacpp.Server(params)
    _SERVERS.append(server)
    found: list[int] = []
    for row in rows:
        asked = {
            "prompt": list(row), "n_predict": 1, "temperature": 0, "cache_prompt": False, "ignore_eos": False,
            "return_tokens": True, "verbose": True, "samplers": ["top_k"], "top_k": 1, "stream": False,
        }  # fmt: skip
        told: list[Any] = []
        server.handle_completions(asked, lambda reply, told=told: told.append(reply) and False)
        raw = told[-1] if isinstance(told[-1], dict) else json.loads(told[-1])
        try:  # the token's number: half a character has no text and no logprobs
            found.append(int(raw["__verbose"]["tokens"][0]))
        except (KeyError, IndexError, TypeError) as error:
            raise Damaged("llama.cpp gave no token.", where=str(folder), got=str(raw)[:200]) from error
    return found


def _last(logits: Any) -> int:
    """The largest of a classifier's logits (B, L), or of a decoder's last place (B, T, V)."""
    return int(logits.reshape(-1, logits.shape[-1])[-1].float().argmax())


RUNTIMES: Mapping[str, Answer] = {
    "transformers": _transformers,
    "torch": _torch,
    "onnxruntime": _onnxruntime,
    "torch.export": _program,
    "openvino": _openvino,
    "llama.cpp": _llama_cpp,
}
PACKAGES = {
    "transformers": "transformers",
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "torch.export": "torch",
    "openvino": "openvino",
    "llama.cpp": "xllamacpp",
}
