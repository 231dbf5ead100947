"""fit: a dataset's labelled training split → a linear classifier over character n-grams, the control of every other.

    models:
      linear: {family: linear, task: classify, from: reviews}

Seconds to train, and hard to beat on short texts: a neural classifier that does not is not worth its cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.models.baselines.linear_settings import LinearSettings
from catenary.stages.labelled import labelled_of, one_text
from catenary.stages.settings import part_of

if TYPE_CHECKING:
    from catenary.models.baselines import LinearClassifier
    from catenary.train.best_and_worst import Samples

BYTES_PER_SECOND = 0.7e6
LANGUAGE_SAMPLE = 500  # texts whose language is looked at


class FitSettings(LinearSettings):
    """The linear classifier's own settings, and the dataset whose labels it learns.

    Where `analysis` is left out, the texts decide: characters for Chinese, characters within words for the others.
    """

    family: Literal["linear"]
    task: Literal["classify"] = "classify"
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")


def run(work: Work[FitSettings]) -> Mapping[str, Any]:
    from catenary.models.baselines import fit_linear

    dataset = work.inputs["from"].path
    texts, labels = _labelled(dataset, "train")
    settings = part_of(work.settings, LinearSettings)
    if "analysis" not in work.settings.model_fields_set and "ngrams" not in work.settings.model_fields_set:
        settings = LinearSettings.for_languages([_main_language(texts)], **_said(work.settings))
    model = fit_linear(texts, labels, settings, progress=work.progress)
    model.save(work.out)
    report: dict[str, Any] = {
        "headline": {"documents": len(texts), "features": sum(model.config.features)},
        "analysis": model.config.settings.analysis,
        "labels": list(model.labels),
        "weightiest": {label: model.weightiest(label) for label in model.labels},
    }
    valid_texts, valid_labels = _labelled(dataset, "valid")
    if valid_texts:
        told = model.predict(valid_texts)
        right = sum(one == other for one, other in zip(told, valid_labels, strict=True))
        report["headline"]["valid accuracy"] = round(right / len(told), 4)
        report["samples"] = _samples(model, valid_texts, valid_labels)
    return report


def _samples(model: LinearClassifier, texts: Sequence[str], labels: Sequence[str]) -> Samples:
    """The held-out texts whose label it finds least and most likely; those of labels that it never saw are left out."""
    import numpy as np

    from catenary.train.best_and_worst import best_and_worst

    known = [at for at, label in enumerate(labels) if label in model.labels]
    if not known:
        return {"best": [], "worst": []}
    chosen = [model.labels.index(labels[at]) for at in known]
    likely = model.predict_proba([texts[at] for at in known])[np.arange(len(known)), chosen]
    found = best_and_worst(-np.log(likely.clip(1e-12)), [texts[at] for at in known])
    for sample in (*found["best"], *found["worst"]):
        sample["document"] = known[sample["document"]]
    return found


def _labelled(dataset: Path, split: str) -> tuple[list[str], list[str]]:
    """Texts and labels of a split; pairs of texts as one."""
    found = labelled_of(dataset, split, "one")
    return [one_text(text) for text in found.texts], [str(label) for label in found.labels]


def _said(settings: FitSettings) -> dict[str, Any]:
    """What the chain file itself says of the classifier."""
    return {
        name: getattr(settings, name)
        for name in settings.model_fields_set & LinearSettings.model_fields.keys()
    }


def _main_language(texts: Sequence[str]) -> str:
    """The language of most of the first texts."""
    from catenary.data import language_of

    return Counter(language_of(text) for text in texts[:LANGUAGE_SAMPLE]).most_common(1)[0][0]


FIT = Stage(
    name="fit",
    version=1,
    section="models",
    kind="model",
    owner="researcher",
    settings=FitSettings,
    run=run,
    families=("linear",),
    takes=lambda raw: raw.get("family") == "linear",
    estimate=lambda settings, sizes: Estimate(
        2.0 + sum(sizes) / BYTES_PER_SECOND, (300 << 20) + 100 * sum(sizes), 8 << 20
    ),
)
