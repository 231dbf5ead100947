"""evaluate: models side by side on held-out documents, each figure with its interval, each difference with its test.

    evaluations:
      quality: {of: [linear, sentiment], on: reviews.test, metrics: [accuracy, f1, confusion]}

      fluency: {of: [trigram, writer], on: reviews.test, metrics: [perplexity, bits_per_byte]}

The first model of `of` that is a control (or `control:`) is what the others are compared with, pair by pair on the same
documents. The worst examples come with the ids of their documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work
from catenary.data.texts import labelled_documents_of
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES
from catenary.stages.classifier import is_control, predictor

Metric = Literal[
    "accuracy",
    "f1",
    "f1_weighted",
    "precision",
    "recall",
    "mcc",
    "confusion",
    "perplexity",
    "bits_per_byte",
]
OF_LANGUAGE_MODELS = frozenset({"perplexity", "bits_per_byte"})
SPLITS = ("train", "valid", "test")


class EvaluateSettings(Settings):
    """Which models, on which split of which dataset (`reviews.test`), by which metrics."""

    of: Annotated[list[str], Ref("models")] = Field(min_length=1)
    on: Annotated[str, Ref("datasets", parts=True)]
    metrics: list[Metric] = Field(default=["accuracy", "f1", "confusion"], min_length=1)
    control: str | None = None
    seed: int = 17  # of the bootstrap

    @model_validator(mode="after")
    def _agrees(self) -> EvaluateSettings:
        if self.split not in SPLITS:
            raise InvalidInput(
                "An evaluation names a split.", got=self.on, expected="for example `reviews.test`"
            )
        of_text = [metric for metric in self.metrics if metric in OF_LANGUAGE_MODELS]
        if of_text and len(of_text) < len(self.metrics):
            raise InvalidInput(
                "An evaluation measures language models or classifiers, not both.",
                got=", ".join(self.metrics),
            )
        if self.control is not None and self.control not in self.of:
            raise InvalidInput(
                "The control is not among the models.",
                got=self.control,
                expected="one of: {names}",
                names=", ".join(self.of),
            )
        return self

    @property
    def split(self) -> str:
        """The split of `on`: what stands behind the dot, `test` where nothing does."""
        return self.on.partition(".")[2] or "test"


def recipe(settings: EvaluateSettings) -> Mapping[str, Any]:
    """The models' names stay: the report and the gates call the figures by them."""
    return {
        "of": settings.of,
        "split": settings.split,
        "metrics": settings.metrics,
        "control": settings.control,
        "seed": settings.seed,
    }


def run(work: Work[EvaluateSettings]) -> Mapping[str, Any]:
    from catenary.evaluate import classification_report, verdict, write_report
    from catenary.stages.perplexity import measured

    settings = work.settings
    models = {name: work.inputs[f"of.{name}"] for name in settings.of}
    control = settings.control or next((name for name, model in models.items() if is_control(model)), None)
    if OF_LANGUAGE_MODELS.issuperset(settings.metrics):
        return measured(work, models, control, settings)
    ids, texts, gold = labelled_documents_of(work.inputs["on"].path, settings.split)
    if not gold:
        raise InvalidInput(
            "There are no documents to evaluate on.",
            got=settings.on,
            expected="a dataset whose `split:` gives this part a share",
        )
    work.progress.begin("predicting", total=len(models), unit="models")
    predictions = {}
    for name, model in models.items():
        predictions[name] = predictor(model.path)(texts)
        work.progress.advance(1)
    report = classification_report(
        gold,
        predictions,
        control=control,
        ids=ids,
        texts=texts,
        metrics=[metric for metric in settings.metrics if metric != "confusion"],
        seed=settings.seed,
    )
    for language in LANGUAGES:
        (work.out / language).mkdir()
        write_report(work.out / language, classification=report, title=work.link, lang=language)
    best = max(report.models, key=lambda model: next(iter(model.metrics.values())).value)
    first = next(iter(best.metrics))
    return {
        "headline": {"documents": report.n, "best": best.name, first: round(best.metrics[first].value, 4)},
        "control": control,
        "labels": list(report.labels),
        "metrics": {
            model.name: {name: asdict(figure) for name, figure in model.metrics.items()}
            for model in report.models
        },
        "confusion": {model.name: [list(row) for row in model.confusion] for model in report.models},
        "comparisons": [
            {**asdict(comparison), "outcome": comparison.outcome, "verdict": verdict(comparison, "en")}
            for comparison in report.comparisons
        ],
    }


EVALUATE = Stage(
    name="evaluate",
    version=1,
    section="evaluations",
    kind="evaluation",
    owner="researcher",
    settings=EvaluateSettings,
    run=run,
    recipe=recipe,
    estimate=lambda settings, sizes: Estimate(1.0 + len(settings.of), 1 << 30, 1 << 20),
)
