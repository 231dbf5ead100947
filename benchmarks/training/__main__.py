"""`python -m benchmarks.training [pretraining-17m] [pretraining-50m] [classification]`"""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks.texts import reviews
from benchmarks.training.turns import Side, race
from benchmarks.training.work import classification_work, pretraining_work

WARMUP, ROUNDS, STEPS = 2, 5, 2
PEERS = Path(__file__).parents[2] / ".venv-bench" / "bin" / "python"


def pretraining(size: str) -> None:
    """Tokens a second of causal-LM pretraining."""
    total = WARMUP + ROUNDS * STEPS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        units = pretraining_work(list(islice(reviews(), 4000)), size, total + 1, folder)
        told = [name, str(total + 1)]
        trainer = module("transformers_trainer", "pretrain", *told)
        sides = [
            Side("catenary", module("ours", "pretrain", *told)),
            Side("transformers Trainer, defaults (fp32)", trainer),
            Side("transformers Trainer, bf16, compiled", [*trainer, "best"]),
        ]
        if PEERS.exists():
            sides += [
                Side(
                    f"LitGPT, {precision}, compiled",
                    module("litgpt_loop", *told, precision, python=str(PEERS)),
                )
                for precision in ("bf16-mixed", "bf16-true")
            ]
        race(
            f"pretraining: Llama of {size}, rows of 512",
            "tokens",
            units,
            sides,
            folder,
            warmup=WARMUP,
            rounds=ROUNDS,
            steps=STEPS,
        )


def classification() -> None:
    """Samples a second of fine-tuning a BERT; turns are longer, as batches differ in length."""
    warmup, rounds, steps = 10, 5, 15
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        total = warmup + rounds * steps
        units = classification_work(total + 1, folder)
        told = [name, str(total + 1)]
        trainer = module("transformers_trainer", "classify", *told)
        sides = [
            Side("catenary", module("ours", "classify", *told)),
            Side("transformers Trainer, defaults (fp32)", trainer),
            Side("transformers Trainer, grouped, bf16", [*trainer, "best"]),
        ]
        race(
            "classification: BERT of 4 × 256, texts of 10–200 tokens, 32 a step", "samples", units, sides, folder,
            warmup=warmup, rounds=rounds, steps=steps,
        )  # fmt: skip


def module(name: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command of a side."""
    return [python, "-m", f"benchmarks.training.{name}", *arguments]


BENCHMARKS = {
    "pretraining-17m": lambda: pretraining("17m"),
    "pretraining-50m": lambda: pretraining("50m"),
    "classification": classification,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[wanted]()
