from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from catenary.errors import InvalidInput, NotFound
from catenary.search import Built, ChunkSettings, Indexed, SearchIndex, build_search

DOCUMENTS = {
    "apt": "# 软件包\n\n用 apt install 安装软件包。\n\n## 升级\n\n用 apt upgrade 升级全部软件包。\n",
    "user": "# Users\n\nAdding a user is done with adduser.\n\n## Passwords\n\nThe passwd command changes passwords.\n",
    "disk": "# Disks\n\nPartitions are listed in /etc/fstab.\n",
}


def built(out: Path, documents: dict[str, str], **more: object) -> Built:
    out.mkdir()
    rows = [
        {"id": name, "source": "s", "file": f"{name}.md", "offset": 1, "licence": "MIT", "text": text}
        for name, text in documents.items()
    ]
    return build_search([pa.RecordBatch.from_pylist(rows)] if rows else [], out, **more)  # type: ignore[arg-type]


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    built(tmp_path / "index", DOCUMENTS)
    return SearchIndex.open(tmp_path / "index")


@pytest.mark.parametrize(
    ("question", "file", "heading"),
    [
        ("怎样升级软件包？", "apt.md", "升级"),
        ("How do I add users?", "user.md", "Users"),
        ("changing a password", "user.md", "Passwords"),
        ("what is in /etc/fstab", "disk.md", "Disks"),
        ("fstab", "disk.md", "Disks"),
    ],
)
def test_a_question_finds_its_passage(index: SearchIndex, question: str, file: str, heading: str) -> None:
    best = index.search(question)[0].passage
    assert (best.file, best.headings[-1]) == (file, heading)


def test_the_best_passage_covers_what_it_speaks_of(index: SearchIndex) -> None:
    assert index.search("apt upgrade")[0].coverage == 1
    half = index.search("password of the kubernetes cluster")
    assert half[0].coverage < 0.5
    assert index.search("kubernetes") == []


def test_a_passage_is_found_again_by_its_id(index: SearchIndex) -> None:
    found = index.search("passwords")[0].passage
    assert index.by_id(found.id) == found
    assert index.text_of(found.document)[found.start : found.end] == found.text
    with pytest.raises(NotFound):
        index.by_id("user:1-2")
    with pytest.raises(NotFound):
        index.by_id("gone:0-5")


def test_only_what_changed_is_read_again_and_the_files_are_the_same(tmp_path: Path) -> None:
    built(tmp_path / "first", DOCUMENTS)
    before = SearchIndex.open(tmp_path / "first")
    later = {name: text for name, text in DOCUMENTS.items() if name != "user"} | {
        "user-2": "# Users\n\nAdding an account is done with useradd.\n"
    }
    told = built(tmp_path / "second", later, before=before)
    assert (told.new, told.kept, told.gone) == (1, 2, 1)
    built(tmp_path / "anew", later)
    assert bytes_in(tmp_path / "second") == bytes_in(tmp_path / "anew")


def test_what_is_deleted_leaves_no_word_behind(tmp_path: Path) -> None:
    built(tmp_path / "first", DOCUMENTS | {"secret": "# Plan\n\nThe wombat project begins in spring.\n"})
    built(tmp_path / "second", DOCUMENTS, before=SearchIndex.open(tmp_path / "first"))
    assert SearchIndex.open(tmp_path / "first").search("wombat")
    assert SearchIndex.open(tmp_path / "second").search("wombat") == []
    assert not any(b"wombat" in data for data in bytes_in(tmp_path / "second").values())


def test_other_sizes_take_nothing_over(tmp_path: Path) -> None:
    built(tmp_path / "first", DOCUMENTS)
    settings = Indexed(ChunkSettings(100, 0))
    told = built(
        tmp_path / "second", DOCUMENTS, settings=settings, before=SearchIndex.open(tmp_path / "first")
    )
    assert (told.new, told.kept) == (3, 0)


class Counting:
    """Vectors by whether a text speaks of users; it counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += texts
        users = np.array([any(word in text for word in ("user", "account")) for text in texts])
        return np.stack([users, ~users], axis=1).astype(np.float32)


def test_vectors_find_what_words_do_not(tmp_path: Path) -> None:
    embed = Counting()
    built(tmp_path / "index", DOCUMENTS, settings=Indexed(embedding="m"), embed=embed)
    index = SearchIndex.open(tmp_path / "index")
    assert index.search("account") == []
    found = index.search("account", vector=embed(["account"])[0])
    assert found[0].passage.document == "user"
    assert found[0].cosine == 1


def test_vectors_are_made_for_what_is_new_alone(tmp_path: Path) -> None:
    built(tmp_path / "first", DOCUMENTS, settings=Indexed(embedding="m"), embed=Counting())
    embed = Counting()
    before = SearchIndex.open(tmp_path / "first")
    more = {"new": "# New\n\nA new account.\n"} | DOCUMENTS
    built(tmp_path / "second", more, settings=Indexed(embedding="m"), embed=embed, before=before)
    assert embed.asked == ["New\nA new account."]
    built(tmp_path / "anew", more, settings=Indexed(embedding="m"), embed=Counting())
    assert bytes_in(tmp_path / "second") == bytes_in(tmp_path / "anew")
    other = Counting()
    built(tmp_path / "third", DOCUMENTS, settings=Indexed(embedding="n"), embed=other, before=before)
    assert len(other.asked) == before.told["passages"]


def test_an_index_of_nothing_answers_nothing(tmp_path: Path) -> None:
    told = built(tmp_path / "index", {})
    assert (told.documents, told.passages) == (0, 0)
    assert SearchIndex.open(tmp_path / "index").search("anything at all") == []


def test_what_is_no_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no index of passages"):
        SearchIndex.open(tmp_path)
    (tmp_path / "search.json").write_text('{"format": 99}')
    with pytest.raises(InvalidInput, match="another version"):
        SearchIndex.open(tmp_path)


def test_the_files_are_the_same_by_one_process_and_by_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catenary.search.build.CHARACTERS_AT_ONCE", 100)
    documents = {
        f"{name}-{at}": f"{text}\n\n第 {at} 份" for at in range(12) for name, text in DOCUMENTS.items()
    }
    told = [built(tmp_path / str(workers), documents, workers=workers) for workers in (1, 2)]
    assert told[0] == told[1]
    assert bytes_in(tmp_path / "1") == bytes_in(tmp_path / "2")
    later = {name: text for name, text in documents.items() if name != "apt-5"} | {
        "apt-5b": "# 新\n\n换了。\n"
    }
    before = SearchIndex.open(tmp_path / "1")
    assert built(tmp_path / "again", later, before=before, workers=2).new == 1
    built(tmp_path / "anew", later)
    assert bytes_in(tmp_path / "again") == bytes_in(tmp_path / "anew")
