"""finetune: a pretrained model and a labelled dataset → a classifier.

    models:
      sentiment: {init: base, task: classify, from: reviews}

The labels are those of the training split; the tokenizer is the one that the pretrained model carries. Documents with a
`text_pair` are classified as pairs; `kind: several` learns the column `labels`, `kind: number` a number for each text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.data.annotations import annotated_documents_of
from catenary.errors import InvalidInput
from catenary.stages.labelled import Labelled, labelled_of, labels_in
from catenary.stages.launched import LaunchedSettings
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import FINETUNING, dialled
from catenary.stages.watched import watched
from catenary.train.head_settings import ClassifySettings
from catenary.train.settings import TrainSettings

BYTES_PER_SECOND = 0.2e6  # of a dataset's Parquet files and one pass


class FinetuneSettings(LaunchedSettings, ClassifySettings):
    """What to start from, what to learn, and how (TrainSettings, ClassifySettings)."""

    init: Annotated[str, Ref("models")]
    task: Literal["classify"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    folds: int | None = Field(
        None, ge=2, description="cross-validation: a model a fold, measured on the rest"
    )
    keep: Literal["all", "ensemble"] = Field(
        "all", description="with folds: one model of all documents, or the mean of the folds'"
    )
    unlabelled: Annotated[str | None, Ref("datasets")] = None
    teacher: Annotated[str | None, Ref("models")] = None
    confidence: float = Field(0.9, gt=0, le=1, description="of the teacher, for a label to be learnt")
    rounds: int = Field(1, ge=1, description="after each, the student teaches")

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        # Reading beside it goes with one label a text only.
        reads = raw.get("kind", "one") == "one"
        beside = ("mlm_weight", "mask_rate")
        return dialled(raw, {key: value for key, value in FINETUNING.items() if reads or key not in beside})

    @model_validator(mode="after")
    def _ways(self) -> FinetuneSettings:
        if (self.unlabelled is None) != (self.teacher is None):
            raise InvalidInput("Unlabelled documents need a teacher, and a teacher needs them.")
        said = self.model_fields_set
        alone = sorted(said & {"keep"}) if self.folds is None else []
        alone += sorted(said & {"confidence", "rounds"}) if self.teacher is None else []
        if alone:
            raise InvalidInput(
                "These settings say nothing here.",
                got=", ".join(alone),
                expected="with `folds:` or `teacher:`",
            )
        if self.kind != "one" and (self.folds or self.teacher):
            raise InvalidInput(
                "These settings do not go with `kind: {kind}`.",
                kind=self.kind,
                got="folds, teacher",
                expected="kind: one, or without them",
            )
        if self.train.processes > 1 and (self.folds or self.teacher):
            raise InvalidInput(
                "Models that are trained one after another have one process.",
                got=f"train: {{processes: {self.train.processes}}}",
                expected="no `train:` with `folds:` or `teacher:`",
            )
        if self.folds and self.teacher:
            raise InvalidInput("Set either folds or teacher.")
        return self


def run(work: Work[FinetuneSettings]) -> Mapping[str, Any]:
    dataset, kind = work.inputs["from"].path, work.settings.kind
    train, valid = labelled_of(dataset, "train", kind), labelled_of(dataset, "valid", kind)
    report = _learnt(work, train, valid)
    draw_losses(report, work.out)
    headline = headline_of(report, "accuracy", "mae")
    if "cross_validation" in report:
        spread = report["cross_validation"]["accuracy"]
        headline["folds' accuracy"] = f"{spread['mean']:.4f} [{spread['low']:.4f}, {spread['high']:.4f}]"
    return {"headline": headline, "labels": labels_in(train), **report}


def _refuse_repeats(dataset: Path) -> None:
    """A document that is read twice would be learnt in one fold and asked in another."""
    from catenary.data.repeats import repeats_of

    if repeats := repeats_of(dataset).num_rows:
        raise InvalidInput(
            "Folds would part the repeats of a document.",
            got="{n} documents that `balance` repeats",
            expected="a dataset without `repeat:`, or no `folds:`",
            n=repeats,
        )


def _learnt(work: Work[FinetuneSettings], train: Labelled, valid: Labelled) -> Mapping[str, Any]:
    """Trained once, a fold at a time, or with a teacher."""
    from catenary.train import finetune_classifier
    from catenary.train.folds import cross_validate
    from catenary.train.pseudo_label import Unlabelled, finetune_with_teacher

    settings, init = work.settings, work.inputs["init"].path
    training, classify = part_of(settings, TrainSettings), part_of(settings, ClassifySettings)
    held_out = (valid.texts, valid.labels)
    if settings.folds is not None:
        _refuse_repeats(work.inputs["from"].path)
        return cross_validate(
            init,
            train.texts,
            train.labels,
            training,
            work.out,
            folds=settings.folds,
            keep=settings.keep,
            classify=classify,
            valid=held_out,
            state=work.state,
            progress=work.progress,
        )
    if settings.teacher is not None:
        rest = annotated_documents_of(work.inputs["unlabelled"].path, "train")
        return finetune_with_teacher(
            init,
            work.inputs["teacher"].path,
            train.texts,
            train.labels,
            Unlabelled([one.id for one in rest], [one.text for one in rest]),
            training,
            work.out,
            confidence=settings.confidence,
            rounds=settings.rounds,
            classify=classify,
            valid=held_out,
            state=work.state,
            progress=work.progress,
        )
    return finetune_classifier(
        init,
        train.texts,
        train.labels,
        training,
        work.out,
        classify=classify,
        valid=held_out,
        state=work.state,
        progress=work.progress,
        launch=settings.train,
    )


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
    forecast=watched,
)
