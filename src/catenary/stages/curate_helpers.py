"""What steps of curation need from outside their room: other sources, reviewers' files, models.

Each is a value that travels to other processes and nodes; what it opens is opened there, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.errors import InvalidInput

if TYPE_CHECKING:
    from catenary.data import Span
    from catenary.data.review import Reviewed
    from catenary.inference import Generator
    from catenary.inference.tag import Tagger

REDACTED = {"person": "name", "place": "place"}  # kinds of entities, as the step calls them
TEXTS_AT_ONCE = 64  # translated together


@dataclass(frozen=True)
class Folder:
    """The chain file's folder, from which the files of custom steps are named."""

    path: Path

    def __call__(self) -> Path:
        return self.path


@dataclass(frozen=True)
class HeldOut:
    """The texts of collections, for who must not learn them."""

    shards: tuple[Path, ...]

    def __call__(self) -> Iterator[str]:
        return _texts(self.shards)


@dataclass(frozen=True)
class Examples:
    """The texts of collections that are good examples, and of those that are bad ones."""

    good: tuple[Path, ...]
    bad: tuple[Path, ...]

    def __call__(self) -> tuple[Iterator[str], Iterator[str]]:
        return _texts(self.good), _texts(self.bad)


@dataclass(frozen=True)
class Reviews:
    """What one reviewer has labelled, or what two agree on."""

    files: tuple[Path, ...]

    def __call__(self) -> Reviewed:
        return _reviewed(self.files)


@dataclass(frozen=True)
class EntityTagger:
    """The names and places in texts, by a model with `task: tag`; `units`: the words or characters that it tags."""

    folder: Path
    units: str

    def __call__(self, texts: Sequence[str]) -> list[list[Span]]:
        from catenary.data import Span
        from catenary.inference.tag import named

        return [
            [Span(REDACTED[one.kind], one.start, one.end) for one in found if one.kind in REDACTED]
            for found in named(opened_tagger(self.folder), texts, self.units)
        ]


@dataclass(frozen=True)
class BackTranslation:
    """Texts through one model after the other, each writing what it likeliest would."""

    folders: tuple[Path, ...]

    def __call__(self, texts: Sequence[str]) -> list[str]:
        from catenary.inference import GenerationSettings

        told = list(texts)
        for folder in self.folders:
            writer = _writer(folder)
            for start in range(0, len(told), TEXTS_AT_ONCE):
                part = [text or " " for text in told[start : start + TEXTS_AT_ONCE]]
                most = 2 * max(len(text) for text in part) + 16  # tokens: a translation is about as long
                made = writer.generate(part, GenerationSettings(max_tokens=min(most, 512)))
                told[start : start + TEXTS_AT_ONCE] = [one.text.strip() for one in made]
        return told


def _texts(shards: Sequence[Path]) -> Iterator[str]:
    import pyarrow.parquet as pq

    for shard in shards:
        yield from pq.read_table(shard, columns=["text"]).column("text").to_pylist()


@lru_cache(maxsize=2)
def _reviewed(files: tuple[Path, ...]) -> Reviewed:
    from catenary.data.review import agreed, read_labels

    told = [read_labels(file) for file in files]
    if not any(told):
        raise InvalidInput(
            "The reviewers' files hold no label.",
            got=", ".join(file.name for file in files),
            expected="the files of `catenary review export`, with labels",
        )
    return agreed(told[0], told[-1])


@lru_cache(maxsize=2)
def opened_tagger(folder: Path) -> Tagger:
    """The tagger of a folder, opened once a process."""
    from catenary.inference.tag import load_tagger

    return load_tagger(folder)


@lru_cache(maxsize=4)
def _writer(folder: Path) -> Generator:
    from catenary.inference import load

    return load(folder, "generate")
