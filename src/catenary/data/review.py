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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catenary.data.labels import kappa
from catenary.digest import digest
from catenary.errors import InvalidInput
from catenary.records import Document


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What two reviewers agree on (id → label), where they do not (id → both), and Cohen's kappa over all of these."""

    labels: Mapping[str, str]
    disputed: Mapping[str, tuple[str, str]]
    kappa: float

    def summary(self) -> dict[str, float]:
        """In figures."""
        return {"agreed": len(self.labels), "disputed": len(self.disputed), "kappa": round(self.kappa, 4)}


def chosen(
    folder: Path,
    split: str | None = None,
    *,
    sample: int | None = None,
    suspects: bool = False,
    blind: bool = False,
) -> list[Document]:
    """Documents of a dataset worth a look: of one split or all, `sample` of them by lot.

    `suspects`: those of which the step `labels` found a wrong or a missing label. `blind`: without their labels.
    Raises InvalidInput where there is none, NotFound for a split that is not there.
    """
    from catenary.data.shards import iter_split, shard_paths
    from catenary.data.split import SPLITS

    found = folder / "labels.jsonl"
    wanted: set[str] | None = None
    if suspects:
        lines = found.read_text("utf-8").splitlines() if found.exists() else []
        wanted = {json.loads(line)["id"] for line in lines}
    splits = [split] if split else [one for one in SPLITS if (folder / f"{one}-00000.parquet").exists()]
    for one in splits:
        shard_paths(folder, one)
    variants = _variants(folder)
    # By the least of their lots, which hang on the ids: the same documents each time, in no order of theirs.
    kept: list[tuple[str, Document]] = []
    for one in splits:
        for batch in iter_split(folder, one, ["id", "text", "label"]):
            for row in batch.to_pylist():
                if row["id"] not in variants and (wanted is None or row["id"] in wanted):
                    label = None if blind else row["label"]
                    lot = digest(["review", row["id"]])
                    kept.append((lot, Document(row["text"], id=row["id"], label=label)))
            if sample is not None and len(kept) > 8 * sample:
                kept = sorted(kept, key=lambda pair: pair[0])[:sample]
    if not kept:
        raise InvalidInput(
            "There is no document to review.",
            got=", ".join(splits),
            expected="a dataset with the step `labels`, for `--suspects`"
            if suspects
            else "a split with documents",
        )
    return [document for _, document in sorted(kept, key=lambda pair: pair[0])[:sample]]


def _variants(folder: Path) -> set[str]:
    """The documents that are variants of others: nobody need look at them."""
    from catenary.data.shards import INDEX_FILE, read_index

    if not (folder / INDEX_FILE).exists():
        return set()
    rows = zip(
        *(read_index(folder, ["id", "dropped", "duplicate_of"]).columns[at].to_pylist() for at in range(3)),
        strict=True,
    )
    return {name for name, dropped, of in rows if of is not None and dropped is None}


def write_disputed(reviewed: Reviewed, path: Path) -> None:
    """What two reviewers differ on, as CSV: for whoever decides."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "one", "other", "label"])
        writer.writerows([name, *both, ""] for name, both in reviewed.disputed.items())


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
    """id → label of what one reviewer has labelled; rows without a label are left out.

    Raises InvalidInput for a file of another kind, or without the columns.
    """
    if path.suffix not in READERS:
        raise _unknown(path)
    try:
        pairs = READERS[path.suffix](path)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidInput(
            "This file holds no labels that can be read.",
            got=f"{path.name}: {type(error).__name__} {error}",
            expected="the columns `id` and `label`, or Label Studio's JSON export",
        ) from None
    return {name: label for name, label in pairs if label}


def _json(path: Path) -> list[tuple[str, str]]:
    return [_label_studio(task) for task in json.loads(path.read_text("utf-8"))]


def _jsonl(path: Path) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [(str(line["id"]), str(line.get("label") or "")) for line in lines]


def _csv(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [(row["id"], (row["label"] or "").strip()) for row in csv.DictReader(file)]


READERS: dict[str, Callable[[Path], list[tuple[str, str]]]] = {".json": _json, ".jsonl": _jsonl, ".csv": _csv}


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
