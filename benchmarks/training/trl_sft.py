"""TRL's SFTTrainer with a LoRA adapter.

`python -m benchmarks.training.trl_sft FOLDER STEPS [packed]`, in `.venv-bench`
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.training.gate import Gate

GATE = Gate()

import transformers  # noqa: E402 - the gate holds stdout before anything prints
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from benchmarks.training.work import LORA, RATE, Work  # noqa: E402

WORTH: list[int] = []  # real tokens of the batches made so far


class Turns(transformers.TrainerCallback):
    """Steps are reported to the gate."""

    def __init__(self) -> None:
        self.steps = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """The model is loaded."""
        GATE.open()

    def on_log(self, *_: Any, logs: dict[str, float] | None = None, **__: Any) -> None:
        """Losses are kept."""
        if logs and "loss" in logs:
            GATE.losses.append(float(logs["loss"]))

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Batches are made ahead; that of this step is not the last of them."""
        self.steps += 1
        GATE.step_done(WORTH[self.steps - 1])


class InOrder(SFTTrainer):
    """Every side sees the same batches."""

    def _get_train_sampler(self, *_: Any) -> Any:
        from torch.utils.data import SequentialSampler

        return SequentialSampler(self.train_dataset)


def main(work: Work, steps: int, packed: bool) -> None:
    """Defaults: batches of 8 padded to the longest, gradient checkpointing; packed: rows of 1,024 without it."""
    rows = Dataset.from_dict({"input_ids": [work.row(i).tolist() for i in range(len(work))]})
    chosen: dict[str, Any] = {}
    if packed:
        chosen = {
            "packing": True,
            "max_length": 1024,
            "per_device_train_batch_size": 1,
            "gradient_checkpointing": False,
        }
    config = SFTConfig(
        output_dir=str(work.folder / "trl"), max_steps=steps, learning_rate=RATE, logging_steps=1, save_strategy="no",
        report_to=[], use_cpu=True, disable_tqdm=True, **chosen,
    )  # fmt: skip
    lora = LoraConfig(
        r=LORA["rank"],
        lora_alpha=int(LORA["alpha"]),
        target_modules=list(LORA["targets"]),
        task_type="CAUSAL_LM",
    )
    trainer = InOrder(
        str(work.folder / "start"), args=config, train_dataset=rows, peft_config=lora, callbacks=[Turns()]
    )
    collate = trainer.data_collator

    def counted(rows: list[Any]) -> Any:
        WORTH.append(sum(len(row["input_ids"]) for row in rows))
        return collate(rows)

    trainer.data_collator = counted
    trainer.train()


if __name__ == "__main__":
    main(Work.read(Path(sys.argv[1])), int(sys.argv[2]), "packed" in sys.argv[3:])
