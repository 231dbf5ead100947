"""Learning from unlabelled documents: a teacher labels those it is sure of, and a student learns from both.

Self-training (Scudder 1965; Lee 2013, "Pseudo-Label"): after each round the student is the next round's teacher. Which
documents were labelled so, as what, how surely and in which round, stands in `pseudo_labels.parquet` beside the model.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catenary.errors import InvalidInput
from catenary.progress import SILENT, Progress
from catenary.train.finetune import Label, Text, finetune_classifier
from catenary.train.head_settings import ClassifySettings
from catenary.train.settings import TrainSettings

FILE = "pseudo_labels.parquet"


@dataclass(frozen=True)
class Unlabelled:
    """Documents without a label: ids and texts."""

    ids: Sequence[str]
    texts: Sequence[str]


def finetune_with_teacher(
    init: Path,
    teacher: Path,
    texts: Sequence[Text],
    labels: Sequence[Label],
    unlabelled: Unlabelled,
    settings: TrainSettings,
    out: Path,
    *,
    confidence: float,
    rounds: int = 1,
    classify: ClassifySettings = ClassifySettings(),  # noqa: B008 - frozen
    valid: tuple[Sequence[Text], Sequence[Label]] = ((), ()),
    state: Path,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """As `finetune_classifier`, on the labelled documents and on those to which the teacher gives a label with at least
    `confidence`. Students of earlier rounds are kept in `state`.

    Raises InvalidInput where the teacher has labels that the documents have not, or is sure of no document.
    """
    told: dict[str, Any] = {}
    for number in range(1, rounds + 1):
        student = out if number == rounds else state / f"round-{number}" / "model"
        picked, guessed, sure = _labelled(teacher, unlabelled, set(map(str, labels)), confidence)
        if number < rounds:
            shutil.rmtree(student, ignore_errors=True)
        report = finetune_classifier(
            init,
            [*texts, *(unlabelled.texts[i] for i in picked)],
            [*labels, *guessed],
            settings,
            student,
            classify=classify,
            valid=valid,
            state=state / f"round-{number}" / "state",
            progress=progress,
        )
        told[f"round {number}"] = {"pseudo-labelled": len(picked), **report["valid"]}
        _record(student, [unlabelled.ids[i] for i in picked], guessed, sure, number)
        teacher = student
    return {**report, "rounds": told}


def _labelled(
    teacher: Path, unlabelled: Unlabelled, known: set[str], confidence: float
) -> tuple[list[int], list[str], list[float]]:
    """Which documents the teacher is sure of, their labels, and how sure it is."""
    from catenary.inference import load

    model = load(teacher)
    strangers = sorted(set(model.labels) - known)
    if strangers:
        raise InvalidInput(
            "The teacher has labels that no labelled document has.",
            got=", ".join(strangers),
            expected="{names}",
            names=", ".join(sorted(known)),
        )
    scored = model.classify(unlabelled.texts)
    sure = [number for number, one in enumerate(scored) if one.probabilities[one.label] >= confidence]
    if not sure:
        raise InvalidInput(
            "The teacher is sure of no unlabelled document.",
            got=f"{len(scored)}, confidence {confidence}",
            expected="a lower confidence, or more documents",
        )
    labels = [scored[number].label for number in sure]
    return sure, labels, [scored[number].probabilities[scored[number].label] for number in sure]


def _record(
    folder: Path, ids: Sequence[str], labels: Sequence[str], sure: Sequence[float], number: int
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {"document": list(ids), "label": list(labels), "confidence": list(sure), "round": [number] * len(ids)}
    )
    pq.write_table(table.sort_by("document"), folder / FILE)
