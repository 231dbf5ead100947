"""Cross-validation: as many models as folds, each measured on the documents that it has not seen.

    report = cross_validate(init, texts, labels, settings, out, folds=5, keep="all")
    report["cross_validation"]["accuracy"]       # {"mean": 0.87, "low": 0.85, "high": 0.89, "folds": [0.86, …]}

The interval is Student's over the folds. Their training sets overlap, so it is too narrow rather than too wide (Bengio
and Grandvalet 2004, JMLR 5): read it as a hint of the spread, and compare models on a test split.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from catenary.files import write_whole
from catenary.inference.ensemble import write_ensemble
from catenary.progress import SILENT, Progress
from catenary.train.finetune import Label, Text, finetune_classifier
from catenary.train.head_settings import ClassifySettings
from catenary.train.report import TrainReport
from catenary.train.sampling import folds_of
from catenary.train.settings import TrainSettings

Keep = Literal["all", "ensemble"]
REPORT = "report.json"


def cross_validate(
    init: Path,
    texts: Sequence[Text],
    labels: Sequence[Label],
    settings: TrainSettings,
    out: Path,
    *,
    folds: int,
    keep: Keep = "all",
    classify: ClassifySettings = ClassifySettings(),  # noqa: B008 - frozen
    valid: tuple[Sequence[Text], Sequence[Label]] = ((), ()),
    state: Path,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Train and measure a model a fold; leave in `out` one trained on all documents, or the ensemble of the folds'.

    Folds are drawn by the seed with every label spread evenly. What is done is kept in `state`: after a kill it goes on
    with the fold in hand. Raises InvalidInput for a label with fewer documents than folds.
    """
    fold_N = folds_of([str(label) for label in labels], folds, settings.seed)
    reports = []
    for fold in range(folds):
        inside = np.flatnonzero(fold_N != fold).tolist()
        held_out = np.flatnonzero(fold_N == fold).tolist()
        reports.append(
            _fold(
                state / f"fold-{fold}",
                init,
                ([texts[i] for i in inside], [labels[i] for i in inside]),
                ([texts[i] for i in held_out], [labels[i] for i in held_out]),
                settings,
                classify,
                progress,
            )
        )
    figures = {"cross_validation": _spread([report["valid"] for report in reports]), "folds": folds}
    if keep == "ensemble":
        write_ensemble(out, [state / f"fold-{fold}" / "model" for fold in range(folds)])
        return {**reports[-1], "documents": len(texts), **figures}
    whole = finetune_classifier(
        init,
        texts,
        labels,
        settings,
        out,
        classify=classify,
        valid=valid,
        state=state / "all",
        progress=progress,
    )
    return {**whole, **figures}


def _fold(
    folder: Path,
    init: Path,
    inside: tuple[Sequence[Text], Sequence[Label]],
    held_out: tuple[Sequence[Text], Sequence[Label]],
    settings: TrainSettings,
    classify: ClassifySettings,
    progress: Progress,
) -> TrainReport:
    """A fold's report; the model is in `folder/model`, and both are taken as they are where they were finished."""
    if (folder / REPORT).is_file():
        done: TrainReport = json.loads((folder / REPORT).read_text("utf-8"))
        return done
    shutil.rmtree(folder / "model", ignore_errors=True)
    report = finetune_classifier(
        init,
        *inside,
        settings,
        folder / "model",
        classify=classify,
        valid=held_out,
        state=folder / "state",
        progress=progress,
    )
    write_whole(folder / REPORT, json.dumps(report).encode())
    return report


def _spread(figures: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Each figure's mean over folds with Student's 95 % interval."""
    from scipy.stats import t

    told = {}
    for name in figures[0]:
        values = np.array([one[name] for one in figures])
        reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
        mean = float(values.mean())
        told[name] = {"mean": mean, "low": mean - reach, "high": mean + reach, "folds": values.tolist()}
    return told
