"""finetune: a pretrained model and a labelled dataset → a classifier.

    models:
      sentiment: {init: base, task: classify, from: reviews}

The labels are those of the training split; the tokenizer is the one that the pretrained model carries. Documents with a
`text_pair` are classified as pairs; `kind: several` learns the column `labels`, `kind: number` a number for each text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.stages.labelled import labelled_of, labels_in
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import FINETUNING, dialled
from catenary.train.head_settings import ClassifySettings
from catenary.train.settings import TrainSettings

BYTES_PER_SECOND = 0.2e6  # of a dataset's Parquet files and one pass


class FinetuneSettings(TrainSettings, ClassifySettings):
    """What to start from, what to learn, and how (TrainSettings, ClassifySettings)."""

    init: Annotated[str, Ref("models")]
    task: Literal["classify"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        return dialled(raw, FINETUNING) if isinstance(raw, dict) else raw


def run(work: Work[FinetuneSettings]) -> Mapping[str, Any]:
    from catenary.train import finetune_classifier

    dataset, kind = work.inputs["from"].path, work.settings.kind
    train, valid = labelled_of(dataset, "train", kind), labelled_of(dataset, "valid", kind)
    report = finetune_classifier(
        work.inputs["init"].path,
        train.texts,
        train.labels,
        part_of(work.settings, TrainSettings),
        work.out,
        classify=part_of(work.settings, ClassifySettings),
        valid=(valid.texts, valid.labels),
        state=work.state,
        progress=work.progress,
    )
    draw_losses(report, work.out)
    return {"headline": headline_of(report, "accuracy", "mae"), "labels": labels_in(train), **report}


def headline_of(report: Mapping[str, Any], *figures: str) -> dict[str, Any]:
    """What is said first of a finished run: its size, its length, its loss, and these figures on `valid` if there."""
    told = {
        "parameters": report["parameters"],
        "steps": report["steps"],
        "loss": round(report["curve"][-1][1], 3),
    }
    valid = report["valid"]
    return told | {f"valid {name}": round(valid[name], 4) for name in figures if name in valid}


def estimate(settings: TrainSettings, sizes: Sequence[int]) -> Estimate:
    """By the passes over the dataset; `steps` count as one."""
    return Estimate(5 + sum(sizes) * (settings.epochs or 1) / BYTES_PER_SECOND, 1400 << 20, max(sizes))


FINETUNE = Stage(
    name="finetune",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=FinetuneSettings,
    run=run,
    takes=lambda raw: "init" in raw and raw.get("objective") not in ("mlm", "clm"),
    estimate=estimate,
)
