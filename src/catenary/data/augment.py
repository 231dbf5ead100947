"""Augment: further texts from one, for the training split alone.

    >>> Augment(seed=1, delete=0.2).of(Document("我们 都 很 喜欢 这家 酒店", id="d"), 1)[0].meta
    {'augmented_from': 'd'}

Words are deleted, neighbours swapped (both by the share that is asked for), words replaced by declared synonyms, or
the text sent through a function (back-translation by a model). In Chinese a word is jieba's. What comes out is marked
and bears its original's label; it is made of documents that have their split, so none crosses.

In a dataset `variants` stand beside their originals in the training split, and in the index with these in
`duplicate_of`: what is erased with a document is found there.

J. Wei, K. Zou, EDA: easy data augmentation techniques (2019); R. Sennrich et al., Improving NMT with monolingual data
(2016).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import batch_of, documents_of
from catenary.data.step_settings import AugmentSettings
from catenary.data.words import words
from catenary.digest import digest, text_sha256
from catenary.records import DOCUMENT_ID_DIGITS, Document

Through = Callable[[Sequence[str]], Sequence[str]]  # texts to as many others


@dataclass(frozen=True)
class Augment:
    """How texts are changed. The same document, number and settings give the same texts."""

    seed: int = 17
    delete: float = 0.0
    swap: float = 0.0
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    synonym_share: float = 0.3
    through: Through | None = None

    def of(self, document: Document, count: int) -> list[Document]:
        """At most `count` variants of a document, none equal to it or to another."""
        return self.of_all([document], count)

    def of_all(self, documents: Sequence[Document], count: int) -> list[Document]:
        """At most `count` variants of each; all go through the function together."""
        pairs = [(document, number) for document in documents for number in range(count)]
        texts: Sequence[str] = [
            self._variant(document.text, random.Random(f"{self.seed}:{document.id}:{number}"))
            for document, number in pairs
        ]
        if self.through:
            texts = self.through(texts)
        found: dict[tuple[str, str], Document] = {}
        for (document, _), text in zip(pairs, texts, strict=True):
            if text and text != document.text and (document.id, text) not in found:
                name = digest(["augment", document.id, text])[:DOCUMENT_ID_DIGITS]
                meta = {**document.meta, "augmented_from": document.id}
                found[document.id, text] = replace(
                    document,
                    text=text,
                    id=name,
                    meta=meta,
                    annotations=None,
                    sha256=text_sha256(text),
                    duplicate_of=document.id,
                )
        return list(found.values())

    def _variant(self, text: str, r: random.Random) -> str:
        if not (self.delete or self.swap or self.synonyms):
            return text
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
        return text if changed == told else (" " if " " in text.strip() else "").join(changed)


def variants(table: pa.Table, settings: AugmentSettings, through: Through | None = None) -> pa.Table:
    """Variants of the documents of `table` (with its column `split`) that are for training, in the same columns.

    Documents with annotations have none: these point to places in the text.
    """
    chosen = pc.and_(
        pc.fill_null(pc.equal(table.column("split"), "train"), False), table.column("annotations").is_null()
    )
    if settings.labels is not None:
        named = pc.is_in(table.column("label"), value_set=pa.array(settings.labels, pa.string()))
        chosen = pc.and_(chosen, named)
    some = table.filter(chosen).drop_columns(["split"]).combine_chunks().to_batches()
    changes = Augment(
        settings.seed, settings.delete, settings.swap, settings.synonyms, settings.synonym_share, through
    )
    made = [changes.of_all(documents_of(batch), settings.copies) for batch in some]
    batch = batch_of([one for several in made for one in several])
    rows = pa.Table.from_batches([batch]).append_column("split", pa.repeat("train", batch.num_rows))
    return rows.select(table.column_names).cast(table.schema)
