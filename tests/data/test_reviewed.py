from __future__ import annotations

from pathlib import Path

import pytest

from catenary.data import curate
from catenary.data.review import Reviewed, agreed, chosen, read_labels, write_disputed
from catenary.errors import InvalidInput
from catenary.records import Document

DOCUMENTS = [Document(name, id=name, label="a") for name in "pqrs"]


def test_what_both_say_is_the_label() -> None:
    told = agreed({"p": "b", "q": "b", "r": "a"}, {"p": "b", "q": "c", "s": "b"})
    done = curate(DOCUMENTS, ["reviewed"], {"reviewed": lambda: told})
    assert [(one.label, one.dropped) for one in done.documents] == [
        ("b", None),
        ("a", "reviewed:disputed"),
        ("a", None),
        ("a", None),
    ]
    assert done.report.steps[-1].notes == {"changed": 1, "labelled": 1}
    strict = [{"reviewed": {"disputed": "keep", "others": "drop"}}]
    dropped = [one.dropped for one in curate(DOCUMENTS, strict, {"reviewed": lambda: told}).documents]
    assert dropped == [None, None, "reviewed:not_reviewed", "reviewed:not_reviewed"]


def test_files_that_are_no_reviews(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,label\nx,y\n", "utf-8")
    (tmp_path / "b.json").write_text("{", "utf-8")
    (tmp_path / "c.jsonl").write_text("[1]\n", "utf-8")
    for name in ("a.csv", "b.json", "c.jsonl"):
        with pytest.raises(InvalidInput, match="no labels"):
            read_labels(tmp_path / name)
    with pytest.raises(InvalidInput, match="ending"):
        read_labels(tmp_path / "d.xlsx")


def test_who_decides_gets_what_is_disputed(tmp_path: Path) -> None:
    write_disputed(Reviewed({}, {"q": ("b", "c")}, 0.0), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text("utf-8-sig").splitlines() == ["id,one,other,label", "q,b,c,"]


def test_an_empty_choice(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no document to review"):
        chosen(tmp_path, suspects=True)
