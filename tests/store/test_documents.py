"""One document is found among many, in every dataset that holds it, by reading little."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catenary.records import document_id
from catenary.store import Store, recipe_id
from catenary.store.documents import find_document


def write(path: Path, ids: list[str], *, group: int = 50, statistics: bool = True) -> None:
    nested = pa.array(
        [[("k", "v")]] * len(ids), pa.map_(pa.string(), pa.string())
    )  # two leaves before the id
    rows = {"meta": nested, "id": ids, "source": ["reviews"] * len(ids), "offset": list(range(len(ids)))}
    pq.write_table(pa.table(rows), path, row_group_size=group, write_statistics=statistics)


@pytest.fixture(scope="module")
def ids() -> list[str]:
    return sorted(document_id("reviews", "neg.txt", f"text {number}") for number in range(1000))


@pytest.mark.parametrize("statistics", [True, False])
def test_every_document_is_found_and_no_other(tmp_path: Path, ids: list[str], statistics: bool) -> None:
    path = tmp_path / "documents.parquet"
    write(path, ids[::2], statistics=statistics)
    for place, name in enumerate(ids[:200]):
        found = find_document(path, name)
        if place % 2:
            assert found is None
        else:
            assert found == {"meta": [("k", "v")], "id": name, "source": "reviews", "offset": place // 2}
    assert find_document(path, "") is None
    assert find_document(path, "zzz") is None


def test_a_look_up_reads_one_row_group(
    tmp_path: Path, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "documents.parquet"
    write(path, ids, group=10)
    read: list[int] = []
    before = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, group: int, columns: list[str] | None = None) -> pa.Table:
        read.append(group)
        return before(self, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    assert find_document(path, ids[777]) is not None
    assert set(read) == {77}


def test_all_datasets_and_collections_with_a_document_are_named(store: Store, ids: list[str]) -> None:
    made = {}
    for kind, chosen in (("collection", ids), ("dataset", ids[:10]), ("model", ids), ("dataset", ids[10:])):
        settings = {"kind": kind, "count": len(chosen)}
        artifact_id = recipe_id("curate", 1, settings, {})
        with store.workspace(artifact_id) as workspace:
            write(workspace.out / "documents.parquet", chosen)
            artifact = store.commit(
                workspace,
                id=artifact_id,
                kind=kind,
                stage="curate",
                version=1,
                settings=settings,
                inputs={},
                report={},
            )
        made[kind, len(chosen)] = artifact
    found = list(store.find_document(ids[3]))
    assert [artifact.id for artifact, _ in found] == [made["collection", 1000].id, made["dataset", 10].id]
    assert {row["id"] for _, row in found} == {ids[3]}
    assert list(store.find_document("0" * 32)) == []
