"""Labels, missing and wrong: reported, dropped, or set by a classifier that has learnt from the others.

    - labels                                   # report both
    - labels: {missing: impute, wrong: drop}

A linear classifier (`linear_scores.py`) learns from the labelled documents in as many turns as there are `folds`, each
time without the fold that it then judges, so that no document speaks for its own label. A label is likely wrong by
confident learning (`labels.py`). A missing one is set where the classifier is `sure` of it. What was found stands in
the dataset's `labels.jsonl`, a line a document: its id, what it bore, what it likely is, how likely, and what was done.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, texts_at, with_dropped
from catenary.data.labels import bounds_of, suspects
from catenary.data.linear_scores import Features, LinearScores, features_of, learn
from catenary.data.step_settings import LabelsSettings
from catenary.digest import digest
from catenary.errors import InvalidInput

Ints = npt.NDArray[np.int64]

LEARNT_FROM = 100_000  # documents at most, by lot: bounds memory and time
FINDINGS = "labels.jsonl"  # what a step leaves under this ending goes into the dataset
NOTHING = -1


def look(batches: Sequence[pa.RecordBatch], settings: LabelsSettings, folder: Path) -> None:
    """Writes each kept document's row, id, label, lot and features."""
    done = 0
    rows, ids, labels, lots, features = [], [], [], [], []
    for batch in batches:
        mine = kept_rows(batch)
        rows += (mine + done).tolist()
        told = batch.column("id").take(pa.array(mine)).to_pylist()
        ids += told
        labels += batch.column("label").take(pa.array(mine)).to_pylist()
        lots += [int(digest(["labels", settings.seed, one])[:15], 16) for one in told]
        features.append(features_of(texts_at(batch, mine)))
        done += batch.num_rows
    table = pa.table(
        {
            "row": pa.array(rows, pa.int64()),
            "id": pa.array(ids, pa.string()),
            "label": pa.array(labels, pa.string()),
            "lot": pa.array(lots, pa.int64()),
        }
    )
    Features.joined(features).save(folder)
    with pa.ipc.new_file(folder / "labels.arrow", table.schema) as file:
        file.write_table(table)


def decide(folders: Sequence[Path], settings: LabelsSettings, folder: Path, notes: Counter[str]) -> None:
    """Writes what becomes of each label. Notes `missing`, `suspect` and `imputed`, and `checked`: labels judged."""
    tables = [_table(one) for one in folders]
    every = pa.chunked_array([one.column("label") for one in tables], pa.string())
    classes = sorted(one for one in pc.unique(every).to_pylist() if one is not None)
    notes["missing"] += every.null_count
    if len(classes) < 2 and settings.missing == "impute" and every.null_count:
        raise InvalidInput(
            "Labels can be imputed only from documents with at least two different ones.",
            got=", ".join(classes) or "no label",
            where="steps.labels",
        )
    models = _learnt(folders, tables, classes, settings) if len(classes) > 1 else None
    judged = [_judged(one, table, models, settings) for one, table in zip(folders, tables, strict=True)]
    codes = [_codes(table, classes) for table in tables]
    bounds = bounds_of(np.concatenate(codes), np.concatenate(judged)) if models else np.zeros(0)
    notes["checked"] += int(sum((one >= 0).sum() for one in codes)) if models else 0
    with (folder / FINDINGS).open("w", encoding="utf-8") as findings:
        for at, table in enumerate(tables):
            told = _decided(table, judged[at], classes, bounds, settings, notes)
            rows = table.column("row").to_pylist()
            ids = table.column("id").to_pylist()
            kept = []
            for place, finding in sorted(told.items()):
                findings.write(json.dumps({"id": ids[place], **finding}, ensure_ascii=False) + "\n")
                if finding["done"] != "reported":
                    kept.append((rows[place], finding["done"], finding["likely"]))
            done = pa.table(
                {
                    "row": pa.array([one[0] for one in kept], pa.int64()),
                    "done": pa.array([one[1] for one in kept], pa.string()),
                    "likely": pa.array([one[2] for one in kept], pa.string()),
                }
            )
            with pa.ipc.new_file(folder / f"{at:05d}.arrow", done.schema) as file:
                file.write_table(done)


def act(
    batch: pa.RecordBatch, settings: LabelsSettings, folder: Path, at: int, notes: Counter[str]
) -> pa.RecordBatch:
    """The batch with labels set, and without those that go: `labels:missing`, `labels:wrong`."""
    with pa.ipc.open_file(folder / f"{at:05d}.arrow") as file:
        table = file.read_all()
    rows = table.column("row").to_numpy()
    done = np.array(table.column("done").to_pylist(), dtype=object)
    set_here = np.isin(done, ["imputed", "relabelled"])
    mask = np.zeros(batch.num_rows, dtype=np.bool_)
    mask[rows[set_here]] = True
    place = batch.schema.get_field_index("label")
    new = table.column("likely").filter(pa.array(set_here)).combine_chunks()
    column = pc.replace_with_mask(batch.column("label"), pa.array(mask), new)
    batch = batch.set_column(place, batch.schema.field(place), column)
    gone = ~set_here
    reasons = ["labels:missing" if one == "dropped:missing" else "labels:wrong" for one in done[gone]]
    return with_dropped(batch, rows[gone], reasons)


def _decided(
    table: pa.Table,
    judged: npt.NDArray[np.float64],
    classes: Sequence[str],
    bounds: npt.NDArray[np.float64],
    settings: LabelsSettings,
    notes: Counter[str],
) -> dict[int, dict[str, Any]]:
    """Place in the table → what was found there."""
    labels = table.column("label").to_pylist()
    told: dict[int, dict[str, Any]] = {}
    for one in suspects(labels, judged, classes, bounds) if len(bounds) else ():
        notes["suspect"] += 1
        done = {"report": "reported", "drop": "dropped:wrong", "relabel": "relabelled"}[settings.wrong]
        likely = judged[one.row, classes.index(one.likely)]
        told[one.row] = {
            "label": one.label,
            "likely": one.likely,
            "probability": round(float(likely), 4),
            "done": done,
        }
    for place, label in enumerate(labels):
        if label is not None:
            continue
        finding: dict[str, Any] = {"label": None, "likely": None, "probability": None, "done": "reported"}
        if len(bounds):
            best = int(judged[place].argmax())
            finding |= {"likely": classes[best], "probability": round(float(judged[place, best]), 4)}
        if settings.missing == "impute" and finding["probability"] >= settings.sure:
            notes["imputed"] += 1
            finding["done"] = "imputed"
        elif settings.missing == "drop":
            finding["done"] = "dropped:missing"
        told[place] = finding
    return told


def _learnt(
    folders: Sequence[Path], tables: Sequence[pa.Table], classes: Sequence[str], settings: LabelsSettings
) -> list[LinearScores]:
    """A classifier for each fold, that has not seen it."""
    codes = np.concatenate([_codes(table, classes) for table in tables])
    lots = np.concatenate([table.column("lot").to_numpy() for table in tables])
    labelled = np.flatnonzero(codes >= 0)
    if len(labelled) > LEARNT_FROM:
        labelled = labelled[np.argsort(lots[labelled], kind="stable")[:LEARNT_FROM]]
    chosen = np.zeros(len(codes), dtype=np.bool_)
    chosen[labelled] = True
    firsts = np.cumsum([0, *(len(table) for table in tables)])
    features = Features.joined(
        [
            Features.load(one).at(np.flatnonzero(chosen[firsts[at] : firsts[at + 1]]))
            for at, one in enumerate(folders)
        ]
    )
    # In the order of lots, so that the shards that documents lie in change nothing.
    order = np.argsort(lots[chosen], kind="stable")
    features, codes, folds = (
        features.at(order),
        codes[chosen][order],
        lots[chosen][order] % settings.folds,
    )
    models = []
    for fold in range(settings.folds):
        mine = np.flatnonzero(folds != fold)
        models.append(learn(features.at(mine), codes[mine], len(classes), settings.seed))
    return models


def _judged(
    folder: Path, table: pa.Table, models: Sequence[LinearScores] | None, settings: LabelsSettings
) -> npt.NDArray[np.float64]:
    """The probabilities of a shard's documents, each by the classifier that has not learnt from it."""
    if models is None or not len(table):
        return np.zeros((len(table), len(models[0].weights) if models else 0))
    features = Features.load(folder)
    folds = table.column("lot").to_numpy() % settings.folds
    told = np.zeros((len(table), len(models[0].weights)))
    for fold, model in enumerate(models):
        mine = np.flatnonzero(folds == fold)
        told[mine] = model.probabilities(features.at(mine))
    return told


def _codes(table: pa.Table, classes: Sequence[str]) -> Ints:
    found = pc.index_in(table.column("label"), value_set=pa.array(classes, pa.string()))
    codes: Ints = found.fill_null(NOTHING).to_numpy().astype(np.int64)
    return codes


def _table(folder: Path) -> pa.Table:
    with pa.ipc.open_file(folder / "labels.arrow") as file:
        return file.read_all()
