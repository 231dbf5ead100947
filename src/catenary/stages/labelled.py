"""Labelled documents as classifiers and evaluations see them: texts or pairs, with one label, several, or a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catenary.data.texts import labelled_documents_of
from catenary.errors import InvalidInput

Text = str | tuple[str, str]
Label = str | float | Sequence[str]


@dataclass(frozen=True)
class Labelled:
    """Documents of a split: ids, texts (or pairs of them) and labels."""

    ids: list[str]
    texts: list[Text]
    labels: list[Label]


def labelled_of(dataset: Path, split: str, kind: str) -> Labelled:
    """The documents of a split. Raises InvalidInput where one has no label, or no number with `kind: number`."""
    from catenary.data.annotations import annotated_documents_of

    found = annotated_documents_of(dataset, split, ["labels"] if kind == "several" else ())
    paired = any("text_pair" in one.columns for one in found)
    if paired:
        found = annotated_documents_of(dataset, split, ["text_pair"])
    texts: list[Text] = [(one.text, one.columns["text_pair"]) if paired else one.text for one in found]
    ids = [one.id for one in found]
    if kind == "several":
        return Labelled(ids, texts, [one.columns["labels"] for one in found])
    _, _, labels = labelled_documents_of(dataset, split)  # refuses documents without one
    if kind == "number":
        return Labelled(ids, texts, [_number(label, at) for label, at in zip(labels, ids, strict=True)])
    return Labelled(ids, texts, list(labels))


def labels_in(labelled: Labelled) -> list[str]:
    """All labels that occur, sorted; none of numbers."""
    names: set[str] = set()
    for label in labelled.labels:
        if isinstance(label, str):
            names.add(label)
        elif not isinstance(label, float | int):
            names.update(label)
    return sorted(names)


def one_text(text: Text, between: str = "\n") -> str:
    """A text as it is; a pair as one, for who reads no pairs, and to show."""
    return text if isinstance(text, str) else between.join(text)


def _number(label: str, document: str) -> float:
    try:
        return float(label)
    except ValueError:
        raise InvalidInput(
            "A regression needs a number for every document.", got=label, where=f"doc:{document}"
        ) from None
