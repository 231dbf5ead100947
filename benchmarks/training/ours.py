"""Our side: the loop that every stage of a chain trains with.

`python -m benchmarks.training.ours pretrain FOLDER STEPS`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from benchmarks.training.gate import Gate

GATE = Gate()

import numpy as np  # noqa: E402 - the gate holds stdout before anything prints
import torch  # noqa: E402

from benchmarks.training.work import LENGTH, LORA, RATE, ROWS, SAMPLES, TALKS, Work  # noqa: E402
from catenary.models import LoraSettings, attach_adapter, load  # noqa: E402
from catenary.train.batches import Batches, TokenRows  # noqa: E402
from catenary.train.conversations import Conversations  # noqa: E402
from catenary.train.dropout import set_dropout  # noqa: E402
from catenary.train.loop import fit  # noqa: E402
from catenary.train.objectives import CausalLM, Classify  # noqa: E402
from catenary.train.objectives.reply import Reply  # noqa: E402
from catenary.train.packed import PackedBatch  # noqa: E402
from catenary.train.settings import TrainSettings  # noqa: E402


class Turns:
    """Steps are reported to the gate, and what each is worth."""

    def __init__(self, worth: Iterator[int] | None = None) -> None:
        self.worth = worth or repeat(0)

    def begin(self, what: str, total: float | None, unit: str) -> None:
        """Nothing to show."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Losses are kept."""
        if name == "train_loss":
            GATE.losses.append(value)

    def advance(self, amount: float, **figures: float) -> None:
        """One step is done; the first call says where a run goes on from."""
        if amount:
            GATE.step_done(next(self.worth))


@dataclass(frozen=True)
class RowsInOrder:
    """The work's rows as documents, a step's worth at a time."""

    work: Work
    identity: str = "rows"

    def extent(self, settings: TrainSettings) -> tuple[int, list[int]]:
        """One pass."""
        return len(self.work) // ROWS, []

    def documents_from(self, step: int) -> Iterator[np.ndarray]:
        """Their numbers."""
        for first in range(step * ROWS, len(self.work), ROWS):
            yield np.arange(first, first + ROWS)

    def from_step(self, step: int) -> Iterator[PackedBatch]:
        """Ids, and of each the next."""
        for documents in self.documents_from(step):
            rows = torch.from_numpy(np.stack([self.work.row(i) for i in documents]))
            yield PackedBatch(
                documents,
                torch.arange(ROWS + 1) * LENGTH,
                rows[:, :-1].reshape(1, -1),
                rows[:, 1:].reshape(-1),
            )


class TalksInOrder(Conversations):
    """The work's rows as conversations, none shuffled."""

    def epoch(self, epoch: int) -> list[np.ndarray]:
        """One pass."""
        return self._filled(np.arange(len(self.rows)))


def pretrain(work: Work, steps: int) -> None:
    """bf16 with fp32 masters where the processor has it: what `precision: auto` does."""
    model = load(work.folder / "start", "clm")
    settings = TrainSettings(
        steps=steps, batch_tokens=ROWS * LENGTH, learning_rate=RATE, schedule="linear", warmup=0.0,
        weight_decay=0.0, beta1=0.9, beta2=0.999, dropout=0.0, spike=None,
    )  # fmt: skip
    set_dropout(model, 0.0)
    GATE.open()
    fit(model, RowsInOrder(work), CausalLM(), settings, progress=Turns())


def classify(work: Work, steps: int) -> None:
    """Documents of like length in a batch: as every fine-tuning stage deals them out."""
    model = load(work.folder / "start", "classify", labels=["a", "b"])
    settings = TrainSettings(
        steps=steps, batch_size=SAMPLES, learning_rate=RATE, schedule="linear", warmup=0.0,
        weight_decay=0.0, beta1=0.9, beta2=0.999, dropout=0.1, spike=None,
    )  # fmt: skip
    set_dropout(model, 0.1)
    rows = TokenRows.of([work.row(i).tolist() for i in range(len(work))])
    batches = Batches.of(rows, settings, pad_id=0, labels=work.labels.tolist())
    GATE.open()
    fit(model, batches, Classify(), settings, progress=Turns())


def chat(work: Work, steps: int) -> None:
    """A LoRA adapter over packed conversations, each token seeing its own."""
    model = load(work.folder / "start", "clm")
    settings = TrainSettings(
        steps=steps, batch_size=TALKS, learning_rate=RATE, schedule="linear", warmup=0.0,
        weight_decay=0.0, beta1=0.9, beta2=0.999, dropout=0.0, spike=None,
    )  # fmt: skip
    rows = TokenRows.of([work.row(i).tolist() for i in range(len(work))])
    talks = TalksInOrder(rows, np.ones(len(rows.ids), bool), batch_size=TALKS)
    attach_adapter(model, LoraSettings.model_validate(LORA), seed=1)
    worth = (int(rows.lengths[documents].sum()) for documents in talks.documents_from(0))
    GATE.open()
    fit(model, talks, Reply(), settings, progress=Turns(worth))


if __name__ == "__main__":
    {"pretrain": pretrain, "classify": classify, "chat": chat}[sys.argv[1]](
        Work.read(Path(sys.argv[2])), int(sys.argv[3])
    )
