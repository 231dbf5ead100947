"""finetune_read: a pretrained encoder and questions on passages → a reader that finds answers.

    models:
      reader: {init: base, task: read, from: questions}

Documents carry `question`, `context` and `answers` (docs/data-columns.md); of several answers the first is learnt. A
passage longer than the model is read in windows; one without the answer teaches the reader to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Ref, Stage, Work
from catenary.stages.finetune import estimate, headline_of
from catenary.stages.launched import LaunchedSettings
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import READING, dialled
from catenary.stages.watched import watched
from catenary.train.head_settings import ReadSettings
from catenary.train.settings import TrainSettings

if TYPE_CHECKING:
    from catenary.train import Question


class FinetuneReadSettings(LaunchedSettings, ReadSettings):
    """What to start from, which questions, and how (TrainSettings, ReadSettings)."""

    init: Annotated[str, Ref("models")]
    task: Literal["read"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        return dialled(raw, READING) if isinstance(raw, dict) else raw


@dataclass(frozen=True)
class Asked:
    """Questions of a split: ids, what is asked, the passage, and the right answers, none where it holds none."""

    ids: list[str]
    questions: list[str]
    contexts: list[str]
    answers: list[list[str]]
    starts: list[list[int]]


def asked_of(dataset: Path, split: str) -> Asked:
    """The questions of a split. Raises InvalidInput where a document has none."""
    from catenary.data.annotations import annotated_documents_of

    documents = annotated_documents_of(dataset, split, ["question", "context", "answers"])
    columns = [one.columns for one in documents]
    return Asked(
        [one.id for one in documents],
        [one["question"] for one in columns],
        [one["context"] for one in columns],
        [one["answers"]["text"] for one in columns],
        [one["answers"]["answer_start"] for one in columns],
    )


def _learnt(asked: Asked) -> list[Question]:
    from catenary.train import Question

    rows = zip(asked.questions, asked.contexts, asked.answers, asked.starts, strict=True)
    return [
        Question(question, context, answers[0] if answers else None, starts[0] if starts else 0)
        for question, context, answers, starts in rows
    ]


def run(work: Work[FinetuneReadSettings]) -> Mapping[str, Any]:
    from catenary.train import Session, finetune_reader

    dataset = work.inputs["from"].path
    report = finetune_reader(
        work.inputs["init"].path,
        _learnt(asked_of(dataset, "train")),
        part_of(work.settings, TrainSettings),
        work.out,
        reading=part_of(work.settings, ReadSettings),
        valid=_learnt(asked_of(dataset, "valid")),
        session=Session(work.state, work.progress, launch=work.settings.train),
    )
    draw_losses(report, work.out)
    return {"headline": headline_of(report, "accuracy"), **report}


FINETUNE_READ = Stage(
    name="finetune_read",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=FinetuneReadSettings,
    run=run,
    takes=lambda raw: "init" in raw and raw.get("task") == "read",
    estimate=estimate,
    forecast=watched,
)
