"""evaluate: models side by side on held-out documents, each figure with its interval, each difference with its test.

    evaluations:
      quality: {of: [linear, sentiment], on: reviews.test, metrics: [accuracy, f1, confusion]}

      prose: {of: [memory, mt], on: help.test, metrics: [bleu, chrf]}
      replies: {of: [base, helper], on: talk.test, metrics: [reply_perplexity], control: base}
      fluency: {of: [trigram, writer], on: reviews.test, metrics: [perplexity, bits_per_byte]}
      firm: {of: [linear, sentiment], on: reviews.test, robustness: [typos, homophones], fairness: {zh: [gender, age]}}
      quiz: {of: [base, helper], task: tasks/quiz.yaml}         # a task file: what is asked, and what is right
      curve: {of: [base, helper], task: tasks/quiz.yaml, shots: [0, 1, 4]}       # with ever more examples
      clean: {of: [trigram, writer], on: reviews.test, metrics: [perplexity], contamination: spans}   # leaks.py

What is measured follows from the models' task: labels, several labels, numbers, tags or answers (`measures.py`). The
first model of `of` that is a control (or `control:`) is what the others are compared with, pair by pair on
the same documents. The worst examples come with the ids of their documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from catenary.chain.stage import Estimate, Ref, Settings, ShaOf, Stage, Work
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES
from catenary.stages.by_task import by_task
from catenary.stages.classifier import is_control
from catenary.stages.leaks import FIGURES, leaks
from catenary.stages.measures import LESS_IS_BETTER, MEASURES, Measured, task_of
from catenary.store import Artifact

if TYPE_CHECKING:
    from catenary.evaluate.classification import ModelFigures
    from catenary.evaluate.scores import ScoredModel

METRICS = (
    *("accuracy", "f1", "f1_weighted", "precision", "recall", "mcc", "confusion"),  # one label a text
    *("precision_weighted", "recall_weighted", "precision_micro", "recall_micro"),
    *("roc_auc", "pr_auc", "ece"),  # what its probabilities are worth
    *("f1_micro", "mae", "rmse", "pearson", "spearman"),  # several labels, numbers
    *("entity_f1", "entity_precision", "entity_recall", "entity_f1_macro"),  # tags
    *("answer_f1", "exact"),  # answers
    *("perplexity", "bits_per_byte"),  # language models
    *("bleu", "chrf", "ter", "nist", "meteor", "rouge1", "rouge2", "rougeL", "reply_perplexity"),  # writers
    *("distinct_1", "distinct_2", "self_bleu", "repetition", "characters", "misspelt", "slips", "novelty"),
)
OF_LANGUAGE_MODELS = frozenset({"perplexity", "bits_per_byte"})
OF_WRITERS = frozenset(
    {
        *("bleu", "chrf", "ter", "nist", "meteor", "rouge1", "rouge2", "rougeL"),
        *(
            "distinct_1",
            "distinct_2",
            "self_bleu",
            "repetition",
            "characters",
            "misspelt",
            "slips",
            "novelty",
        ),
    }
)
Disturbance = Literal["typos", "homophones", "lookalikes", "case", "width", "spacing"]
Group = Literal["gender", "region", "ethnicity", "age"]
OF_REPLIES = frozenset({"reply_perplexity"})
OF_TASKS = frozenset(
    {
        *("accuracy_by_length", "completion", "turns", "coherence", "refused", "over_refused"),
        *("mrr", "ndcg_at_10", "recall_at_1", "recall_at_5"),
    }
)
SPLITS = ("train", "valid", "test")


class EvaluateSettings(Settings):
    """Which models, on which split of which dataset (`reviews.test`), by which metrics."""

    of: Annotated[list[str], Ref("models")] = Field(min_length=1)
    on: Annotated[str | None, Ref("datasets", parts=True)] = None
    task: str | None = Field(None, description="a task file (YAML) beside the chain, in place of `on`")
    shots: list[Annotated[int, Field(ge=0)]] | None = Field(
        None,
        min_length=1,
        description="examples before each question of a task; several numbers: a curve",
    )
    metrics: list[str] | None = Field(default=None, min_length=1, description="none: those of the task")
    control: str | None = None
    seed: int = 17  # of the bootstrap
    beams: int = Field(1, ge=1, le=16, description="of what encoder–decoders write")
    length_penalty: float = Field(
        1.0, ge=-10, le=10, description="of beams: above 1, longer ones win more often"
    )
    no_repeat_ngram: int = Field(0, ge=0, le=64, description="so many tokens in a row are not written twice")
    max_new_tokens: int = Field(128, ge=1, description="of what is written")
    documents: int | None = Field(None, ge=1, description="so many of the split; none: all")
    robustness: list[Disturbance] = Field(
        default=[], description="accuracy on the same texts written another way; of classifiers"
    )
    synonyms: dict[str, list[str]] = Field(
        default={},
        description="word: others; accuracy where an attacker replaces the most telling words by them",
    )
    fairness: dict[Literal["en", "zh"], list[Group]] = Field(
        default={},
        description="language: groups; gaps over sentences that differ in the person; of classifiers",
    )

    contamination: Annotated[str | None, Ref("indexes")] = Field(
        None, description="an index: the share of test documents that it holds a long span of"
    )
    memorisation: Annotated[str | None, Ref("indexes")] = Field(
        None, description="an index: the share of its documents that each model goes on by heart"
    )

    @field_validator("metrics")
    @classmethod
    def _known(cls, value: list[str] | None) -> list[str] | None:
        for name in value or ():
            if name not in METRICS and not name.startswith("entity_f1_"):
                near = get_close_matches(name, METRICS, n=1)
                raise InvalidInput(
                    "There is no metric `{name}`; did you mean `{near}`?"
                    if near
                    else "There is no metric of this name.",
                    name=name,
                    near=near[0] if near else "",
                    got=name,
                    expected="one of {names}",
                    names=", ".join(METRICS),
                )
        return value

    @model_validator(mode="after")
    def _agrees(self) -> EvaluateSettings:
        if (self.on is None) == (self.task is None):
            raise InvalidInput(
                "An evaluation is on a dataset's split, or by a task.",
                got="on, task" if self.on else "neither",
                expected="`on: reviews.test`, or `task: quiz.yaml`",
            )
        if self.on is not None and self.split not in SPLITS:
            raise InvalidInput(
                "An evaluation names a split.", got=self.on, expected="for example `reviews.test`"
            )
        for kind in (OF_LANGUAGE_MODELS, OF_WRITERS, OF_REPLIES):
            of_kind = kind.intersection(self.metrics or ())
            if of_kind and not kind.issuperset(self.metrics or ()):
                raise InvalidInput(
                    "An evaluation measures language models, writers or classifiers: one kind.",
                    got=", ".join(self.metrics or ()),
                )
        if self.probed and (
            self.task is not None
            or not (OF_LANGUAGE_MODELS | OF_WRITERS | OF_REPLIES).isdisjoint(self.metrics or ())
        ):
            raise InvalidInput(
                "Robustness and fairness are measured of classifiers on a dataset's split.",
                got=", ".join(self.probed),
                expected="an evaluation `on:` a split, with metrics of labels",
            )
        if self.shots is not None and self.task is None:
            raise InvalidInput(
                "Examples stand before the questions of a task.", got="shots", expected="`task: quiz.yaml`"
            )
        if self.task is not None and (self.contamination or self.memorisation):
            raise InvalidInput(
                "What leaks is looked for in a dataset's split.", got="task", expected="`on: reviews.test`"
            )
        if self.control is not None and self.control not in self.of:
            raise InvalidInput(
                "The control is not among the models.",
                got=self.control,
                expected="one of: {names}",
                names=", ".join(self.of),
            )
        return self

    def measures(self, metric: str) -> bool:
        """Whether a metric may be among those measured, as far as can be told before the models are there."""
        if metric in self.probed or (self.task is not None and metric in OF_TASKS):
            return True
        if metric in FIGURES:
            return getattr(self, metric) is not None
        if self.metrics is None:
            return metric in METRICS or metric.startswith("entity_f1_")
        return metric in self.metrics

    @property
    def probed(self) -> list[str]:
        """The figures of robustness and fairness."""
        told = [f"robustness_{kind}" for kind in self.robustness]
        told += ["robustness_substitution"] if self.synonyms else []
        return told + [f"gap_{language}_{group}" for language, of in self.fairness.items() for group in of]

    @property
    def split(self) -> str:
        """The split of `on`: what stands behind the dot, `test` where nothing does."""
        return (self.on or "").partition(".")[2] or "test"


def recipe(settings: EvaluateSettings) -> Mapping[str, Any]:
    """The models' names stay: the report and the gates call the figures by them."""
    told: dict[str, Any] = {
        "of": settings.of,
        "split": settings.split,
        "metrics": settings.metrics,
        "control": settings.control,
        "seed": settings.seed,
    }
    if not (OF_WRITERS | OF_REPLIES).isdisjoint(settings.metrics or ()):
        told |= {
            "beams": settings.beams,
            "max_new_tokens": settings.max_new_tokens,
            "documents": settings.documents,
        }
        if settings.length_penalty != 1:
            told |= {"length_penalty": settings.length_penalty}
        if settings.no_repeat_ngram:
            told |= {"no_repeat_ngram": settings.no_repeat_ngram}
    if settings.shots is not None:
        told |= {"shots": settings.shots}
    if settings.probed:
        told |= {"robustness": settings.robustness, "fairness": settings.fairness}
        told |= {"synonyms": settings.synonyms} if settings.synonyms else {}
    return told


def content(name: str, settings: EvaluateSettings, base: Path, sha_of: ShaOf) -> Mapping[str, Any]:
    """What a task's files hold now."""
    if settings.task is None:
        return {}
    from catenary.evaluate.task import files_of

    return {"task": {path.name: sha_of(path) for path in files_of(base / settings.task)}}


def run(work: Work[EvaluateSettings]) -> Mapping[str, Any]:
    """The report of the link, with what leaks where that is asked for."""
    models = {name: work.inputs[f"of.{name}"] for name in work.settings.of}
    told = _measured(work, models)
    if work.settings.contamination is None and work.settings.memorisation is None:
        return told
    leaked = leaks(work, models)
    return {**told, "metrics": {name: {**of, **leaked[name]} for name, of in told["metrics"].items()}}


def _measured(work: Work[EvaluateSettings], models: Mapping[str, Artifact]) -> Mapping[str, Any]:
    from catenary.evaluate import verdict, write_report
    from catenary.stages import written
    from catenary.stages.perplexity import measured as language_models

    settings = work.settings
    control = settings.control or next((name for name, model in models.items() if is_control(model)), None)
    if settings.task is not None:
        return by_task(work, models, control)
    if settings.metrics and OF_LANGUAGE_MODELS.issuperset(settings.metrics):
        return language_models(work, models, control, settings)
    if settings.metrics and (OF_WRITERS | OF_REPLIES).issuperset(settings.metrics):
        return written.measured(work, models, control, settings)
    task = task_of(models)
    if settings.probed and task != "one":
        raise InvalidInput(
            "Robustness and fairness are measured of classifiers that give each text one label.",
            got=task,
            expected="models with `task: classify`",
        )
    measured = MEASURES[task](
        Measured(
            models,
            work.inputs["on"].path,
            settings.split,
            settings.metrics,
            control,
            settings.seed,
            settings.robustness,
            {str(language): groups for language, groups in settings.fairness.items()},
            settings.synonyms,
        ),
        work.progress,
    )
    report = measured.report
    if not report.models[0].metrics:
        raise InvalidInput(
            "None of these metrics is one of this task.",
            got=", ".join(settings.metrics or ()),
            expected="metrics of the task {task}, or none: then all are measured",
            task=task,
        )
    for language in LANGUAGES:
        (work.out / language).mkdir()
        write_report(work.out / language, title=work.link, lang=language, **measured.page)
    probed = measured.page.get("probes", {})
    first = next(iter(report.models[0].metrics))
    sign = -1 if first in LESS_IS_BETTER else 1
    figures: list[ModelFigures | ScoredModel] = list(report.models)
    best = max(figures, key=lambda model: sign * model.metrics[first].value)
    return {
        "headline": {"documents": report.n, "best": best.name, first: round(best.metrics[first].value, 4)},
        "task": task,
        "control": control,
        "labels": list(report.labels),
        "metrics": {
            model.name: {
                name: asdict(figure)
                for name, figure in {
                    **model.metrics,
                    **(probed[model.name].figures() if probed else {}),
                }.items()
            }
            for model in report.models
        },
        "confusion": {
            model.name: [list(row) for row in model.confusion]
            for model in report.models
            if model.confusion is not None
        },
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
    content=content,
    estimate=lambda settings, sizes: Estimate(1.0 + len(settings.of), 1 << 30, 1 << 20),
)
