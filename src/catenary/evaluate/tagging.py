"""Taggers: entities found, as CoNLL and seqeval count them, and words tagged right.

An entity counts when its kind and both its ends are right (Tjong Kim Sang and De Meulder 2003, §4). Precision, recall
and F1 are over the entities of all documents together; `entity_f1_macro` is the mean over kinds, `entity_f1_per` of
one kind.

    tagging_report([["B-per", "O"]], {"new": [["B-per", "O"]]})
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.data.annotations import joined
from catenary.data.tags import PREFIXED, entities_of, names_entities
from catenary.errors import InvalidInput
from catenary.evaluate.classification import Example
from catenary.evaluate.intervals import Floats
from catenary.evaluate.scores import ScoreReport, Told, ratio, score_report

Rows = Sequence[Sequence[str]]
Metric = Callable[[Floats], Floats]


def tagging_report(
    gold: Rows,
    predictions: MappingOf[str, Rows],
    *,
    words: Rows | None = None,
    ids: Sequence[str] | None = None,
    strict: bool = False,
    control: str | None = None,
    **rest: Any,
) -> ScoreReport:
    """Figures over documents. `strict` as in `entities_of`; `rest` goes to `score_report`.

    Tags without prefixes have no entities: then `accuracy` is all there is. Raises InvalidInput for rows that do not
    pair.
    """
    for rows in predictions.values():
        if [len(row) for row in rows] != [len(row) for row in gold]:
            raise InvalidInput(
                "Each token needs one tag.",
                got=sum(map(len, rows)),
                expected="{n} tags",
                n=sum(map(len, gold)),
            )
    tags = sorted(
        {tag for row in (*gold, *(row for rows in predictions.values() for row in rows)) for tag in row}
    )
    with_entities = names_entities(tags)
    kinds = sorted({tag[2:] for tag in tags if PREFIXED.match(tag)}) if with_entities else []
    names = ["O", *kinds] if with_entities else tags
    ids = [str(number) for number in range(1, len(gold) + 1)] if ids is None else ids
    told = {
        name: Told(
            np.array([_sums(a, b, kinds, strict) for a, b in zip(gold, rows, strict=True)], np.int64),
            _mistakes(gold, rows, words, ids, strict and with_entities, with_entities),
            _confusion(gold, rows, names, with_entities),
        )
        for name, rows in predictions.items()
    }
    return score_report(told, metrics_of(kinds), task="tag", labels=names, control=control, **rest)


def metrics_of(kinds: Sequence[str]) -> dict[str, Metric]:
    """The metrics of sums laid out as `_sums` lays them."""
    accuracy = {"accuracy": lambda sums: ratio(sums[..., 0], sums[..., 1])}
    if not kinds:
        return accuracy
    return {
        "entity_f1": lambda sums: _f1(_counts(sums).sum(axis=-2)),
        "accuracy": accuracy["accuracy"],
        "entity_precision": lambda sums: _share(_counts(sums).sum(axis=-2), 2),
        "entity_recall": lambda sums: _share(_counts(sums).sum(axis=-2), 1),
        "entity_f1_macro": _f1_macro,
        **{f"entity_f1_{kind}": partial(_f1_of, place) for place, kind in enumerate(kinds)},
    }


def _sums(gold: Sequence[str], told: Sequence[str], kinds: Sequence[str], strict: bool) -> list[int]:
    """[words right, words, and for each kind: right, in the gold, told]."""
    sums = [sum(a == b for a, b in zip(gold, told, strict=True)), len(gold)]
    true, said = set(entities_of(gold, strict=strict)), set(entities_of(told, strict=strict))
    for kind in kinds:
        sums += [sum(one.kind == kind for one in several) for several in (true & said, true, said)]
    return sums


def _counts(sums: Floats) -> Floats:
    """(..., kinds, 3): right, gold, told."""
    return sums[..., 2:].reshape(*sums.shape[:-1], -1, 3)


def _share(counts: Floats, of: int) -> Floats:
    return ratio(counts[..., 0], counts[..., of])


def _f1(counts: Floats) -> Floats:
    return ratio(2 * counts[..., 0], counts[..., 1] + counts[..., 2])


def _f1_of(place: int, sums: Floats) -> Floats:
    return _f1(_counts(sums)[..., place, :])


def _f1_macro(sums: Floats) -> Floats:
    counts = _counts(sums)
    present = (counts[..., 1] + counts[..., 2]) > 0
    return ratio((_f1(counts) * present).sum(axis=-1), present.sum(axis=-1))


def _mistakes(
    gold: Rows, told: Rows, words: Rows | None, ids: Sequence[str], strict: bool, with_entities: bool
) -> list[Example]:
    """Documents with something wrong, the most of it first."""
    found: list[tuple[int, Example]] = []
    for row, (a, b) in enumerate(zip(gold, told, strict=True)):
        if with_entities:
            true, said = set(entities_of(a, strict=strict)), set(entities_of(b, strict=strict))
            wrong = len(true ^ said)
        else:
            wrong = sum(x != y for x, y in zip(a, b, strict=True))
        if not wrong:
            continue
        text = None if words is None else joined(words[row])
        shown = [
            _shown(tags, None if words is None else words[row], other, strict, with_entities)
            for tags, other in ((a, b), (b, a))
        ]
        found.append((wrong, Example(ids[row], shown[0], shown[1], None, text)))
    return [mistake for _, mistake in sorted(found, key=lambda one: (-one[0], one[1].id))]


def _shown(
    tags: Sequence[str], words: Sequence[str] | None, other: Sequence[str], strict: bool, with_entities: bool
) -> str:
    """What these tags tell of that the others do not."""
    if not with_entities:
        return " ".join(
            f"{place}:{tag}" for place, (tag, to) in enumerate(zip(tags, other, strict=True)) if tag != to
        )
    own = sorted(
        set(entities_of(tags, strict=strict)) - set(entities_of(other, strict=strict)), key=lambda e: e.start
    )
    names = [joined(words[e.start : e.end]) if words is not None else f"{e.start}–{e.end}" for e in own]
    return "; ".join(f"{name}/{e.kind}" for name, e in zip(names, own, strict=True)) or "–"


def _confusion(gold: Rows, told: Rows, names: Sequence[str], with_entities: bool) -> NDArray[np.int64]:
    """Words by their kind in the gold (row) and as told (column)."""
    number_of = {name: number for number, name in enumerate(names)}

    def numbers(rows: Rows) -> NDArray[np.int64]:
        return np.array(
            [number_of[tag[2:] if with_entities and tag != "O" else tag] for row in rows for tag in row],
            np.int64,
        )

    cell = numbers(gold) * len(names) + numbers(told)
    return np.bincount(cell, minlength=len(names) ** 2).reshape(len(names), len(names))
