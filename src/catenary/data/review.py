"""Review: documents out to people who label them, and their labels back.

    export(documents, Path("tasks.json"))      # for Label Studio, or .jsonl or .csv
    reviewed = agreed(read_labels(Path("anna.csv")), read_labels(Path("bo.csv")))
    reviewed.kappa, reviewed.labels, reviewed.disputed

Label Studio's tasks are a JSON list with the text and id under `data`; its JSON export is read, and so are CSV and
JSON Lines with the columns `id` and `label`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catenary.data.labels import kappa
from catenary.errors import InvalidInput
from catenary.records import Document


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What two reviewers agree on (id → label), where they do not (id → both), and Cohen's kappa over all of these."""

    labels: Mapping[str, str]
    disputed: Mapping[str, tuple[str, str]]
    kappa: float


def export(documents: Iterable[Document], path: Path) -> int:
    """Write tasks, by the ending of `path`: .json for Label Studio, .jsonl, .csv. How many."""
    rows = [{"id": one.id, "text": one.text, "label": one.label or ""} for one in documents]
    if path.suffix == ".json":
        told = json.dumps([{"data": row} for row in rows], ensure_ascii=False, indent=1)
        path.write_text(told, "utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:  # spreadsheets know UTF-8 by its mark
            writer = csv.DictWriter(file, ["id", "text", "label"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        raise _unknown(path)
    return len(rows)


def read_labels(path: Path) -> dict[str, str]:
    """id → label of what one reviewer has labelled; rows without a label are left out."""
    if path.suffix == ".json":
        pairs = [_label_studio(task) for task in json.loads(path.read_text("utf-8"))]
    elif path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        pairs = [(str(line["id"]), str(line.get("label") or "")) for line in lines]
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            pairs = [(row["id"], row["label"] or "") for row in csv.DictReader(file)]
    else:
        raise _unknown(path)
    return {name: label for name, label in pairs if label}


def agreed(one: Mapping[str, str], other: Mapping[str, str]) -> Reviewed:
    """What two reviewers make of the documents that both have labelled."""
    both = sorted(one.keys() & other.keys())
    return Reviewed(
        {name: one[name] for name in both if one[name] == other[name]},
        {name: (one[name], other[name]) for name in both if one[name] != other[name]},
        kappa([one[name] for name in both], [other[name] for name in both]),
    )


def _label_studio(task: Mapping[str, Any]) -> tuple[str, str]:
    choices = [
        choice
        for annotation in task.get("annotations", ())
        if not annotation.get("was_cancelled")
        for result in annotation.get("result", ())
        for choice in result.get("value", {}).get("choices", ())
    ]
    return str(task["data"]["id"]), str(choices[-1] if choices else "")


def _unknown(path: Path) -> InvalidInput:
    return InvalidInput("This ending is not known.", got=path.name, expected=".json, .jsonl, .csv")
