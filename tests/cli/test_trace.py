"""Every answer back to its documents, every document forward to what answers with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Catenary, ids, object_folder

Node = dict[str, Any]


def nodes(tree: Node) -> Iterator[Node]:
    yield tree
    for child in tree["children"]:
        yield from nodes(child)


def of_kind(tree: Node, kind: str) -> list[Node]:
    return [node for node in nodes(tree) if node["kind"] == kind]


def documents(folder: Path, dataset: str) -> list[dict[str, Any]]:
    return pq.read_table(object_folder(folder, dataset) / "documents.parquet").to_pylist()  # type: ignore[no-any-return]


@pytest.fixture
def rows(catenary: Catenary, signed: Path) -> list[dict[str, Any]]:
    """What the dataset says of every document that was read."""
    return documents(signed, ids(catenary, signed)["datasets.mail"])


def test_an_answer_leads_to_its_source_files_and_licences(catenary: Catenary, signed: Path) -> None:
    tree = catenary(signed, "trace", "--last", "--json").json
    made = ids(catenary, signed)
    assert tree["kind"] == "answer"
    found = {node["id"] for node in nodes(tree)}
    assert set(made.values()) - found == {
        made["models.bigram"]
    }  # the language model's control judged nothing
    assert len(of_kind(tree, "sign_off")) == 2
    assert len(of_kind(tree, "gate")) == 5
    files = {node["title"]: node for node in of_kind(tree, "file")}
    assert len(files) == 124
    table = files["mail.csv"]
    assert table["id"] == hashlib.sha256((signed / "mail.csv").read_bytes()).hexdigest()
    assert any("CC0-1.0" in fact for fact in table["facts"])
    assert any("MIT" in fact for fact in files["docs/000.txt"]["facts"])


def test_for_people_it_reads_the_same(catenary: Catenary, signed: Path) -> None:
    said = catenary(signed, "trace", "--last")
    assert said.code == 0
    for part in (
        "releases.kind",
        "compliance",
        "datasets.mail",
        "mail.csv",
        "licence CC0-1.0",
        "quality.kind",
    ):
        assert part in said.out, part


def test_a_link_leads_up(catenary: Catenary, signed: Path) -> None:
    tree = catenary(signed, "trace", "models.linear", "--json").json
    assert tree["id"] == ids(catenary, signed)["models.linear"]
    assert {node["kind"] for node in nodes(tree)} == {"model", "dataset", "collection", "file"}


def test_a_training_document_reaches_the_endpoint(
    catenary: Catenary, signed: Path, rows: list[dict[str, Any]]
) -> None:
    row = next(row for row in rows if row["split"] == "train" and row["source"] == "table")
    tree = catenary(signed, "trace", f"doc:{row['id']}", "--down", "--json").json
    assert any(row["sha256"] in fact for fact in tree["facts"])
    assert [node["title"] for node in of_kind(tree, "endpoint")] == ["mail: kind"]
    made = ids(catenary, signed)
    found = {node["id"] for node in nodes(tree)}
    assert set(made.values()) - {made["sources.folders"]} <= found
    said = catenary(signed, "trace", f"doc:{row['id']}", "--down")
    assert "mail: kind" in said.out


def test_it_is_drawn_as_a_picture(catenary: Catenary, signed: Path, tmp_path: Path) -> None:
    pictures = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for picture in pictures:
        said = catenary(signed, "trace", "--last", "--picture", str(picture))
        assert said.code == 0, said.err
        assert str(picture) in said.flat
    first, second = (picture.read_text("utf-8") for picture in pictures)
    assert first == second
    for name in ("releases.kind", "models.base", "sources.table", "mail.csv", "signed by"):
        assert name in first
    tree = catenary(signed, "trace", "releases.kind", "--picture", str(pictures[0]), "--json")
    assert tree.json["kind"] == "release"


@pytest.mark.parametrize(
    "reason", ["dedup:exact", "dedup:near", "read:empty", "read:not_text", "language:zh"]
)
def test_a_dropped_document_says_why(
    catenary: Catenary, signed: Path, rows: list[dict[str, Any]], reason: str
) -> None:
    row = next(row for row in rows if row["dropped"] == reason)
    said = catenary(signed, "trace", f"doc:{row['id']}")
    assert said.code == 0, said.err
    assert f"dropped here: {reason}" in said.out
    if reason.startswith("dedup"):
        assert f"a copy of doc:{row['duplicate_of']}" in said.flat
    down = catenary(signed, "trace", f"doc:{row['id']}", "--down", "--json").json
    assert of_kind(down, "endpoint") == []


def test_no_document_disappears(catenary: Catenary, signed: Path, rows: list[dict[str, Any]]) -> None:
    read = {
        row["id"]
        for name in ("sources.folders", "sources.table")
        for row in documents(signed, ids(catenary, signed)[name])
    }
    assert {row["id"] for row in rows} == read
    assert all((row["split"] is None) == bool(row["dropped"]) for row in rows)


def test_what_was_redacted_is_in_no_training_text(catenary: Catenary, signed: Path) -> None:
    dataset = object_folder(signed, ids(catenary, signed)["datasets.mail"])
    texts = [
        text
        for path in sorted(dataset.rglob("*.parquet"))
        if "text" in pq.read_schema(path).names
        for text in pq.read_table(path, columns=["text"]).column("text").to_pylist()
    ]
    assert texts
    assert not any("example.com" in text or "13912345678" in text for text in texts)


def test_the_first_digits_of_a_document_are_enough(
    catenary: Catenary, signed: Path, rows: list[dict[str, Any]]
) -> None:
    whole = rows[3]["id"]
    assert catenary(signed, "trace", f"doc:{whole[:10]}", "--json").json["id"] == whole
    said = catenary(signed, "trace", f"doc:{whole[:4]}")
    assert said.code == 2
    assert "more digits" in said.err


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (("doc:" + "0" * 32,), 3),
        (("rcpt_nothing",), 3),
        (("no-such-link",), 3),
        ((), 2),
        (("models.kind", "--last"), 2),
    ],
)
def test_what_cannot_be_traced(catenary: Catenary, signed: Path, what: tuple[str, ...], code: int) -> None:
    said = catenary(signed, "trace", *what)
    assert said.code in ({2, 3} if code == 3 else {code}), said.err
    assert "Traceback" not in said.err


def test_nothing_was_answered_yet(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "trace", "--last")
    assert said.code == 3
    assert "catenary ask" in said.err
