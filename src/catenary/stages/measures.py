"""How models of each task are measured on held-out documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.errors import InvalidInput
from catenary.progress import Progress, timed
from catenary.stages.classifier import Text, predictor
from catenary.stages.finetune_read import asked_of
from catenary.stages.labelled import labelled_of, one_text
from catenary.stages.tagged import tagged_of, view_in
from catenary.store import Artifact

if TYPE_CHECKING:
    from catenary.evaluate import ClassificationReport, ScoreReport
    from catenary.evaluate.probes import Probed

LESS_IS_BETTER = frozenset({"mae", "rmse", "ece"})
CLASSIFY_METRICS = ("accuracy", "f1", "confusion")


@dataclass(frozen=True)
class Measured:
    """Which models, on which split of which dataset, by which metrics (none: the task's), beside which control."""

    models: Mapping[str, Artifact]
    dataset: Path
    split: str
    metrics: Sequence[str] | None
    control: str | None
    seed: int
    robustness: Sequence[str] = ()
    fairness: Mapping[str, Sequence[str]] = field(default_factory=dict)
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def rest(self) -> dict[str, Any]:
        """What every report takes."""
        return {"control": self.control, "seed": self.seed}

    def asked(self, report: ScoreReport) -> ScoreReport:
        """The report with the metrics that were asked for."""
        from dataclasses import replace

        if self.metrics is None:
            return report
        wanted = set(self.metrics)
        models = tuple(
            replace(model, metrics={name: one for name, one in model.metrics.items() if name in wanted})
            for model in report.models
        )
        return replace(report, models=models)

    def some(self, items: Sequence[Any]) -> None:
        """Raises InvalidInput where there is nothing to measure on."""
        if not items:
            raise InvalidInput(
                "There are no documents to evaluate on.",
                got=f"{self.dataset.name[:12]}.{self.split}",
                expected="a dataset whose `split:` gives this part a share",
            )


@dataclass(frozen=True)
class Outcome:
    """A report, and what `write_report` takes to write it."""

    report: ClassificationReport | ScoreReport
    page: Mapping[str, Any]


def task_of(models: Mapping[str, Artifact]) -> str:
    """The task of these models: one, several, number, tag or read. Raises InvalidInput where they differ."""
    tasks = {name: _task(model) for name, model in models.items()}
    if len(set(tasks.values())) > 1:
        raise InvalidInput(
            "Only models of one task can be measured side by side.",
            got=", ".join(f"{name}: {task}" for name, task in tasks.items()),
            expected="an evaluation for each task",
        )
    return next(iter(tasks.values()))


def _task(model: Artifact) -> str:
    settings = model.manifest.settings
    task = settings.get("task", "classify")
    if task not in ("classify", "tag", "read"):
        raise InvalidInput(
            "This evaluation measures classifiers, taggers and readers.",
            got=str(task),
            expected="models with one of these tasks",
        )
    return str(settings.get("kind", "one") if task == "classify" else task)


def _predicted(
    asked: Measured, progress: Progress, items: int, predict: Callable[[Artifact], Any]
) -> dict[str, Any]:
    progress.begin("predicting", total=len(asked.models), unit="models")
    found = {}
    for name, model in asked.models.items():
        with timed(progress, name, items):
            found[name] = predict(model)
        progress.advance(1)
    return found


def labels(asked: Measured, progress: Progress) -> Outcome:
    """Classifiers that give each text (or pair) one label."""
    from catenary.evaluate import classification_report

    held_out = labelled_of(asked.dataset, asked.split, "one")
    asked.some(held_out.ids)
    metrics = asked.metrics or CLASSIFY_METRICS
    gold = [str(label) for label in held_out.labels]
    report = classification_report(
        gold,
        _predicted(asked, progress, len(held_out.ids), lambda model: predictor(model.path)(held_out.texts)),
        ids=held_out.ids,
        texts=[one_text(text, " ‖ ") for text in held_out.texts],
        metrics=[metric for metric in metrics if metric != "confusion"],
        **asked.rest,
    )
    page: dict[str, Any] = {"classification": report}
    if asked.robustness or asked.fairness or asked.synonyms:
        page["probes"] = _probed(asked, progress, held_out.texts, gold)
    return Outcome(report, page)


def _probed(
    asked: Measured, progress: Progress, texts: Sequence[Text], gold: Sequence[str]
) -> Mapping[str, Probed]:
    from catenary.evaluate.probes import probe

    singles = [text for text in texts if isinstance(text, str)]
    if len(singles) < len(texts):
        raise InvalidInput(
            "Robustness and fairness are measured of single texts.",
            got="pairs of texts",
            expected="a dataset of one text a document",
        )
    progress.begin("probing", total=len(asked.models), unit="models")
    return probe(
        {name: predictor(model.path) for name, model in asked.models.items()},
        singles,
        gold,
        disturbances=asked.robustness,
        groups=asked.fairness,
        synonyms=asked.synonyms,
        seed=asked.seed,
        done=lambda: progress.advance(1),
    )


def several_labels(asked: Measured, progress: Progress) -> Outcome:
    """Classifiers that give each text any number of labels."""
    from catenary.evaluate import labels_report
    from catenary.inference.score import score

    held_out = labelled_of(asked.dataset, asked.split, "several")
    asked.some(held_out.ids)
    report = labels_report(
        [label for label in held_out.labels if not isinstance(label, str | float | int)],
        _predicted(
            asked, progress, len(held_out.ids), lambda model: score(model.path, held_out.texts).chosen
        ),
        ids=held_out.ids,
        texts=[one_text(text, " ‖ ") for text in held_out.texts],
        **asked.rest,
    )
    return Outcome(asked.asked(report), {"scores": asked.asked(report)})


def numbers(asked: Measured, progress: Progress) -> Outcome:
    """Models that give each text a number."""
    from catenary.evaluate import numbers_report
    from catenary.inference.score import score

    held_out = labelled_of(asked.dataset, asked.split, "number")
    asked.some(held_out.ids)
    report = numbers_report(
        [label for label in held_out.labels if isinstance(label, float)],
        _predicted(
            asked, progress, len(held_out.ids), lambda model: score(model.path, held_out.texts).values[:, 0]
        ),
        ids=held_out.ids,
        texts=[one_text(text, " ‖ ") for text in held_out.texts],
        **asked.rest,
    )
    return Outcome(asked.asked(report), {"scores": asked.asked(report)})


def tags(asked: Measured, progress: Progress) -> Outcome:
    """Taggers, and the control that counts."""
    from catenary.evaluate import tagging_report
    from catenary.inference.tag import load_tagger

    views = {name: view_in(model.manifest.settings) for name, model in asked.models.items()}
    if len(set(views.values())) > 1:
        raise InvalidInput(
            "These taggers see tags differently, so their figures cannot stand side by side.",
            got="; ".join(f"{name}: {view}" for name, view in views.items()),
            expected="the same entities, join and units",
        )
    held_out = tagged_of(asked.dataset, asked.split, next(iter(views.values())))
    asked.some(held_out.ids)
    report = tagging_report(
        held_out.tags,
        _predicted(
            asked, progress, len(held_out.ids), lambda model: load_tagger(model.path).tag(held_out.words)
        ),
        words=held_out.words,
        ids=held_out.ids,
        **asked.rest,
    )
    return Outcome(asked.asked(report), {"scores": asked.asked(report)})


def answers(asked: Measured, progress: Progress) -> Outcome:
    """Readers, and the control that takes the best-matching sentence."""
    from catenary.evaluate import reading_report
    from catenary.inference.match import answer
    from catenary.inference.read import load_reader

    held_out = asked_of(asked.dataset, asked.split)
    asked.some(held_out.ids)

    def told(model: Artifact) -> list[str | None]:
        if model.stage == "match":
            return [answer(q, c) for q, c in zip(held_out.questions, held_out.contexts, strict=True)]
        reader = load_reader(model.path)
        return [one.text for one in reader.answer(held_out.questions, held_out.contexts)]

    report = reading_report(
        held_out.answers,
        _predicted(asked, progress, len(held_out.ids), told),
        questions=held_out.questions,
        ids=held_out.ids,
        **asked.rest,
    )
    return Outcome(asked.asked(report), {"scores": asked.asked(report)})


MEASURES: Mapping[str, Callable[[Measured, Progress], Outcome]] = {
    "one": labels,
    "several": several_labels,
    "number": numbers,
    "tag": tags,
    "read": answers,
}
