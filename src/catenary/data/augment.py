"""Augment: further texts from one, for the training split alone.

>>> Augment(seed=1, delete=0.2).of(Document("我们 都 很 喜欢 这家 酒店", id="d"), 1)[0].meta
{'augmented_from': 'd'}

Words are deleted, neighbours swapped (both by the share that is asked for), words replaced by declared synonyms, or
the text sent through a function (back-translation by a model). In Chinese a word is jieba's. What comes out is marked
and bears its original's label; it is made of documents that have their split, so none crosses.

J. Wei, K. Zou, EDA: easy data augmentation techniques (2019); R. Sennrich et al., Improving NMT with monolingual data
(2016).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from catenary.data.words import words
from catenary.digest import digest
from catenary.records import DOCUMENT_ID_DIGITS, Document


@dataclass(frozen=True)
class Augment:
    """How texts are changed. The same document, number and settings give the same texts."""

    seed: int = 17
    delete: float = 0.0
    swap: float = 0.0
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    synonym_share: float = 0.3
    through: Callable[[str], str] | None = None

    def of(self, document: Document, count: int) -> list[Document]:
        """At most `count` variants of a document, none equal to it or to another."""
        found: dict[str, Document] = {}
        for number in range(count):
            text = self._variant(document.text, random.Random(f"{self.seed}:{document.id}:{number}"))
            if text and text != document.text and text not in found:
                name = digest(["augment", document.id, text])[:DOCUMENT_ID_DIGITS]
                meta = {**document.meta, "augmented_from": document.id}
                found[text] = replace(document, text=text, id=name, meta=meta, annotations=None)
        return list(found.values())

    def _variant(self, text: str, r: random.Random) -> str:
        column = pa.array([text], pa.large_string())
        [told] = words(column).listed(column)
        changed = [
            r.choice(self.synonyms[word])
            if word in self.synonyms and r.random() < self.synonym_share
            else word
            for word in told
            if r.random() >= self.delete
        ]
        for _ in range(round(self.swap * len(changed))):
            if len(changed) > 1:
                at = r.randrange(len(changed) - 1)
                changed[at], changed[at + 1] = changed[at + 1], changed[at]
        new = text if changed == told else (" " if " " in text.strip() else "").join(changed)
        return self.through(new) if self.through else new
