"""From which step on a model had seen a document, and which documents a step that went wrong had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catenary.errors import CatenaryError
from catenary.store import Artifact, Store

NAMED = 8  # of a step that went wrong


def exposure(store: Store, model: Artifact, document_id: str) -> tuple[Sequence[int], int] | None:
    """(the steps of the model's own training that this document was in, how many steps there were).

    None where the model keeps no record (a control is counted, not trained in steps), or no dataset that it was
    trained on has the document in its training split.
    """
    from catenary.data.repeats import times_of
    from catenary.train.exposures import FILE

    if not (model.path / FILE).is_file():
        return None
    before = 0
    for role, id in sorted(model.manifest.inputs.items()):
        if role.split(".")[0] != "from":
            continue
        dataset = store.get(id).path
        row, rows = _row_of(dataset, document_id)
        if row is not None:
            return _steps_with_any(
                model.path, range(before + row, before + row + times_of(dataset, document_id))
            )
        before += rows
    return None


def _steps_with_any(model: Path, rows: Sequence[int]) -> tuple[Sequence[int], int]:
    """The steps that any of these rows was in: a document that is read several times has as many."""
    from catenary.train.exposures import steps_with

    told = [steps_with(model, row) for row in rows]
    return sorted({step for steps, _ in told for step in steps}), told[0][1]


@contextmanager
def named_documents(datasets: Sequence[Path]) -> Iterator[None]:
    """A training run that diverges within this context names the documents of its last step by their ids.

    The rows of the datasets' training splits, one after the other, are what the run was given.
    """
    try:
        yield
    except CatenaryError as error:
        steps: Sequence[Sequence[int]] = getattr(error, "documents", ())
        if steps:
            ids = _ids_of(datasets, steps[-1][:NAMED])
            more = " …" if len(steps[-1]) > NAMED else ""
            error.got = f"{error.got}: {', '.join(f'doc:{id}' for id in ids)}{more}"
        raise


def _ids_of(datasets: Sequence[Path], rows: Sequence[int]) -> list[str]:
    """The ids of these rows of the training splits."""
    from catenary.data.repeats import iter_read

    wanted, found, before = set(rows), {}, 0
    for dataset in datasets:
        for batch in iter_read(dataset, "train", ["id"]):
            for row in wanted & set(range(before, before + batch.num_rows)):
                found[row] = batch.column("id")[row - before].as_py()
            before += batch.num_rows
    return [found[row] for row in rows if row in found]


def _row_of(dataset: Path, document_id: str) -> tuple[int | None, int]:
    """(the row of this document in the dataset's training split, the first of several, how many rows that has)."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from catenary.data.repeats import more_rows
    from catenary.data.shards import shard_paths

    rows, found = 0, None
    for path in shard_paths(dataset, "train"):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                metadata = file.metadata.row_group(group)
                if found is None and _may_hold(metadata, document_id):
                    place = pc.index(
                        file.read_row_group(group, columns=["id"]).column("id"), document_id
                    ).as_py()
                    found = rows + place if place >= 0 else None
                rows += metadata.num_rows
    if found is not None:
        found += more_rows(dataset, before=document_id)
    return found, rows + more_rows(dataset)


def _may_hold(group: object, document_id: str) -> bool:
    known = group.column(0).statistics  # type: ignore[attr-defined]
    return known is None or not known.has_min_max or known.min <= document_id <= known.max
