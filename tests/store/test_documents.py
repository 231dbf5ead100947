"""One document is found among many, in every dataset that holds it, by reading little."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catenary.errors import InvalidInput
from catenary.records import document_id
from catenary.store import Artifact, Store, recipe_id
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


def hold(store: Store, ids: list[str], kind: str = "dataset") -> Artifact:
    settings = {"kind": kind, "ids": ids}
    artifact_id = recipe_id("curate", 1, settings, {})
    with store.workspace(artifact_id) as workspace:
        write(workspace.out / "documents.parquet", ids)
        return store.commit(
            workspace,
            id=artifact_id,
            kind=kind,
            stage="curate",
            version=1,
            settings=settings,
            inputs={},
            report={},
        )


def test_the_first_digits_name_a_document_where_no_other_begins_so(store: Store, ids: list[str]) -> None:
    twins = ["abcdef" + "0" * 26, "abcdef" + "1" * 26]
    first, second = hold(store, sorted([*ids[:100], twins[0]])), hold(store, sorted([*ids[:50], twins[1]]))
    for number in (0, 49, 50, 99):
        found = {artifact.id: row["id"] for artifact, row in store.find_document(ids[number][:12])}
        holding = [first.id, second.id] if number < 50 else [first.id]
        assert found == dict.fromkeys(holding, ids[number])
    with pytest.raises(InvalidInput, match="begins so") as refused:
        list(store.find_document("abcdef"))
    told = dict(refused.value.lines("en"))
    assert all(twin in str(told) for twin in twins)
    assert [artifact.id for artifact, _ in store.find_document("abcdef1")] == [second.id]
    with pytest.raises(InvalidInput, match="more digits"):
        list(store.find_document("abcde"))


def test_what_was_noted_of_ids_is_made_again_and_goes_with_its_artifact(store: Store, ids: list[str]) -> None:
    artifact = hold(store, ids)
    [noted] = (store.home.path / "cache" / "documents").iterdir()
    noted.unlink()
    assert [found.id for found, _ in store.find_document(ids[5])] == [artifact.id]
    assert noted.exists()
    assert [row.id for row in store.gc().artifacts] == [artifact.id]
    assert not noted.exists()
    assert list(store.find_document(ids[5])) == []


def test_the_ids_of_many_artifacts_are_made_again_at_once(store: Store, ids: list[str]) -> None:
    held = [
        hold(store, sorted({ids[number], *ids[500 + number :: 7], "short", "文" * 32}))
        for number in range(30)
    ]
    noted = store.home.path / "cache" / "documents"
    before = {path.name: path.read_bytes() for path in noted.iterdir()}
    assert len(before) == 30
    written = sorted({ids[3], *ids[503::7]})
    assert before[held[3].id].decode() == "".join(written) + f"documents{len(written):>23}"
    shutil.rmtree(noted)
    assert [artifact.id for artifact, _ in store.find_document(ids[3])] == [held[3].id]
    assert {path.name: path.read_bytes() for path in noted.iterdir()} == before


def holding(store: Store, ids: list[str]) -> list[list[str]]:
    return [[artifact.id for artifact, _ in store.find_document(id)] for id in ids]


HALF_WRITTEN = {
    "empty": lambda whole: b"",
    "cut amid an id": lambda whole: whole[: len(whole) // 2 + 5],
    "cut after an id": lambda whole: whole[: len(whole) // 64 * 32],
    "without its end": lambda whole: whole[:-32],
    "zeros": lambda whole: bytes(len(whole)),
    "zeros but its end": lambda whole: bytes(len(whole) - 32) + whole[-32:],
    "zeros from the middle on": lambda whole: whole[: len(whole) // 2] + bytes(len(whole) // 2),
    "a block of zeros": lambda whole: whole[:4096] + bytes(4096) + whole[8192:],
    "a block of another file": lambda whole: whole[:8192] + b"\xff" * 4096 + whole[12288:],
    "ids twice": lambda whole: whole[:-32] + whole,
}


@pytest.mark.parametrize("how", HALF_WRITTEN)
def test_half_written_notes_of_ids_make_no_difference(store: Store, ids: list[str], how: str) -> None:
    for chosen in (ids, ids[::2], ids[1::3]):
        hold(store, chosen)
    asked = ids[::77]
    expected = holding(store, asked)
    assert max(map(len, expected)) == 3
    noted = store.home.path / "cache" / "documents"
    whole = {path: path.read_bytes() for path in noted.iterdir()}
    for path, data in whole.items():
        path.write_bytes(HALF_WRITTEN[how](data))
    assert holding(store, asked) == expected
    assert len(list(noted.iterdir())) == 3


def test_documents_are_found_where_nothing_can_be_noted(store: Store, ids: list[str]) -> None:
    hold(store, ids)
    expected = holding(store, ids[:3])
    shutil.rmtree(store.home.path / "cache")
    (store.home.path / "cache").write_text("no folder can be made here")
    assert holding(store, ids[:3]) == expected == [[artifact.id] for artifact in store.artifacts()] * 3


@pytest.mark.parametrize("letters", ["ABCDEF12", "zzzzzzzz", "文档文档文档", "../../etc/passwd", "a%c_ef"])
def test_what_is_no_id_finds_nothing(store: Store, ids: list[str], letters: str) -> None:
    hold(store, ids)
    assert list(store.find_document(letters)) == []
