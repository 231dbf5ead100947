"""`python -m benchmarks.training [NAME …] [--rounds N] [--only PEER]`: pretraining-17m, -50m, classification, chat

The peers' packages stand in `.venv-bench` (`make bench-train`), or where CATENARY_BENCH_PEERS has a Python.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.texts import reviews
from benchmarks.training.turns import Side, race
from benchmarks.training.work import chat_work, classification_work, pretraining_work

WARMUP, ROUNDS, STEPS = 2, 5, 2
PEERS = Path(
    os.environ.get("CATENARY_BENCH_PEERS", Path(__file__).parents[2] / ".venv-bench" / "bin" / "python")
)


def pretraining(size: str, rounds: int, only: str) -> None:
    """Tokens a second of causal-LM pretraining."""
    total = WARMUP + rounds * STEPS
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
        sides = sides[:1] + [side for side in sides[1:] if only in side.name]
        race(
            f"pretraining: Llama of {size}, rows of 512",
            "tokens",
            units,
            sides,
            folder,
            warmup=WARMUP,
            rounds=rounds,
            steps=STEPS,
        )


def classification(rounds: int, only: str) -> None:
    """Samples a second of fine-tuning a BERT; turns are longer, as batches differ in length."""
    warmup, steps = 10, 15
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
        sides = sides[:1] + [side for side in sides[1:] if only in side.name]
        race(
            "classification: BERT of 4 × 256, texts of 10–200 tokens, 32 a step", "samples", units, sides, folder,
            warmup=warmup, rounds=rounds, steps=steps,
        )  # fmt: skip


def chat(rounds: int, only: str) -> None:
    """Real tokens a second of supervised fine-tuning with LoRA."""
    total = WARMUP + rounds * STEPS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        units = chat_work(total + 1, folder)
        told = [name, str(total + 1)]
        sides = [Side("catenary", module("ours", "chat", *told))]
        if PEERS.exists():
            trl = module("trl_sft", *told, python=str(PEERS))
            sides += [
                Side("TRL, defaults", trl),
                Side("TRL, packed, no checkpointing", [*trl, "packed"]),
            ]
        sides = sides[:1] + [side for side in sides[1:] if only in side.name]
        race(
            "chat: LoRA of SmolLM2-135M, texts of 20–240 tokens", "tokens", units, sides, folder,
            warmup=WARMUP, rounds=rounds, steps=STEPS,
        )  # fmt: skip


def module(name: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command of a side."""
    return [python, "-m", f"benchmarks.training.{name}", *arguments]


BENCHMARKS = {
    "pretraining-17m": partial(pretraining, "17m"),
    "pretraining-50m": partial(pretraining, "50m"),
    "classification": classification,
    "chat": chat,
}


def main() -> None:
    """All of them, unless some are named; `--only` leaves out the peers whose names lack it."""
    told = argparse.ArgumentParser()
    told.add_argument("names", nargs="*", metavar="NAME", help=" ".join(BENCHMARKS))
    told.add_argument("--rounds", type=int, default=ROUNDS)
    told.add_argument("--only", default="")
    chosen = told.parse_args()
    for name in chosen.names or BENCHMARKS:
        BENCHMARKS[name](chosen.rounds, chosen.only)


if __name__ == "__main__":
    main()
