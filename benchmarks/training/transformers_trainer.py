"""Hugging Face's Trainer.  `python -m benchmarks.training.transformers_trainer pretrain FOLDER STEPS [best]`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.training.gate import Gate

GATE = Gate()

import transformers  # noqa: E402 - the gate holds stdout before anything prints

from benchmarks.training.work import RATE, ROWS, SAMPLES, Work  # noqa: E402


class Turns(transformers.TrainerCallback):
    """Steps are reported to the gate."""

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """The model is loaded."""
        GATE.open()

    def on_log(self, *_: Any, logs: dict[str, float] | None = None, **__: Any) -> None:
        """Losses are kept; the log of a step comes after its end, so a turn's last loss is the next turn's first."""
        if logs and "loss" in logs:
            GATE.losses.append(float(logs["loss"]))

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """One optimiser step is done."""
        GATE.step_done()


class InOrder(transformers.Trainer):
    """Every side sees the same batches."""

    def _get_train_sampler(self, *_: Any) -> Any:
        if self.args.train_sampling_strategy == "group_by_length":
            return super()._get_train_sampler()
        from torch.utils.data import SequentialSampler

        return SequentialSampler(self.train_dataset)


def arguments(work: Work, steps: int, batch: int, **chosen: Any) -> transformers.TrainingArguments:
    """Trainer's defaults but for what fixes the work."""
    return transformers.TrainingArguments(
        output_dir=str(work.folder / "trainer"), max_steps=steps, per_device_train_batch_size=batch, report_to=[],
        learning_rate=RATE, logging_steps=1, save_strategy="no", use_cpu=True, disable_tqdm=True, **chosen,
    )  # fmt: skip


def pretrain(work: Work, steps: int, best: bool) -> None:
    """Defaults are fp32, eager; best is bf16 and compiled."""
    model = transformers.LlamaForCausalLM.from_pretrained(work.folder / "start", dtype="float32")
    # The model moves labels itself and leaves out the last token: a row of 513 is 512 predictions.
    data = [{"input_ids": work.row(i), "labels": work.row(i)} for i in range(len(work))]
    chosen = {"bf16": True, "torch_compile": True} if best else {}
    InOrder(model, arguments(work, steps, ROWS, **chosen), train_dataset=data, callbacks=[Turns()]).train()


def classify(work: Work, steps: int, best: bool) -> None:
    """Padded to the longest of each batch; best groups texts by length and computes in bf16."""
    model = transformers.BertForSequenceClassification.from_pretrained(work.folder / "start", dtype="float32")

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        longest = max(len(row["input_ids"]) for row in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row["input_ids"])] = torch.as_tensor(row["input_ids"])
            mask[i, : len(row["input_ids"])] = 1
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "labels": torch.tensor([row["labels"] for row in rows]),
        }

    data = [{"input_ids": work.row(i), "labels": int(work.labels[i])} for i in range(len(work))]
    chosen = {"bf16": True, "train_sampling_strategy": "group_by_length"} if best else {}
    InOrder(
        model,
        arguments(work, steps, SAMPLES, **chosen),
        train_dataset=data,
        data_collator=collate,
        callbacks=[Turns()],
    ).train()


if __name__ == "__main__":
    run = {"pretrain": pretrain, "classify": classify}[sys.argv[1]]
    run(Work.read(Path(sys.argv[2])), int(sys.argv[3]), "best" in sys.argv[4:])
