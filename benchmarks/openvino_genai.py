"""OpenVINO GenAI as a peer: its own pipeline with continuous batching over the same int8 graph that we serve."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catenary.inference.measure import Answers

CACHE_GIGABYTES = 1  # whole ones only
CONVERT = """
import sys, openvino
from openvino_tokenizers import convert_tokenizer
from transformers import AutoTokenizer
graphs = convert_tokenizer(AutoTokenizer.from_pretrained(sys.argv[1]), with_detokenizer=True)
for name, graph in zip(("openvino_tokenizer", "openvino_detokenizer"), graphs, strict=True):
    openvino.save_model(graph, f"{sys.argv[2]}/{name}.xml")
"""


def with_its_tokenizer(packages: Path, source: Path, served: Path, made: Path) -> None:
    """What GenAI reads: our graph of `served`, and the tokenizer of `source` as a graph too."""
    for file in served.iterdir():
        shutil.copyfile(file, made / file.name)
    path = os.pathsep.join([str(packages), *filter(None, sys.path)])
    command = [sys.executable, "-c", CONVERT, str(source), str(made)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})


def openvino_genai(folder: Path, threads: int) -> Answers:
    """Its defaults, but for the size of its cache; prompts are random, so keeping beginnings gains nothing."""
    import openvino as ov

    import openvino_genai as genai

    scheduling: Any = genai.SchedulerConfig()
    scheduling.cache_size = CACHE_GIGABYTES
    pipeline = genai.ContinuousBatchingPipeline(
        str(folder), scheduling, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    )

    def answer(prompts: Sequence[Sequence[int]], new: int) -> None:
        settings = genai.GenerationConfig(max_new_tokens=new, min_new_tokens=new, ignore_eos=True)
        told = pipeline.generate([ov.Tensor([list(one)]) for one in prompts], [settings] * len(prompts))
        assert all(len(one.m_generation_ids[0]) == new for one in told)

    return answer
