"""A memory of pairs: what was written for the source most like this one. The control of translation and chat.

    >>> memory = fit_memory(["Close the window.", "Open the file."], ["关闭窗口。", "打开文件。"])
    >>> memory.answer(["Close the windows."])
    ['关闭窗口。']

Likeness is the cosine of TF-IDF vectors over character n-grams within words (characters, where words are not spaced).
Translators have worked with such memories since the 1990s; on manuals they are hard to beat. A model can read the
nearest pair beside its source: see `remembering.py`.

P pairs, G n-grams, E entries of the sparse matrix (P, G), by n-gram, then pair
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged, InvalidInput
from catenary.files import make_folder, write_whole
from catenary.models.baselines.linear_settings import Analysis
from catenary.models.baselines.tfidf import Counts, Vocabulary, idf, weigh

SETTINGS_FILE, PAIRS_FILE = "memory.json", "memory.jsonl"
MEMORY_FILES = (SETTINGS_FILE, PAIRS_FILE)
NGRAMS = (2, 4)
AT_ONCE = 256  # questions

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Memory:
    """Sources and what was written for each."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    analysis: Analysis
    vocabulary: Vocabulary
    counts: Counts

    def answer(self, questions: Sequence[str]) -> list[str]:
        """The target of the nearest source; of equally near ones, the first."""
        return [self.targets[place] for place in self.nearest(questions)[0]]

    def nearest(
        self, questions: Sequence[str], *, but: Sequence[Places] | None = None
    ) -> tuple[list[int], list[float]]:
        """(which source is nearest, how near: 0 to 1) for each question.

        `but` are, for each question, the sources that are not to be its answer: a model that is to work with this
        memory trains on what the memory holds, and shall not find each pair itself. Where all are such, none is near.
        """
        places: list[int] = []
        scores: list[float] = []
        for number, near_P in enumerate(self._likenesses(questions)):
            if but is not None:
                near_P[but[number]] = -1.0
            best = int(near_P.argmax())
            places.append(best)
            scores.append(float(near_P[best]))
        return places, scores

    def save(self, folder: Path) -> None:
        """Write memory.json and the pairs."""
        make_folder(folder)
        rows = (
            json.dumps({"source": source, "target": target}, ensure_ascii=False)
            for source, target in zip(self.sources, self.targets, strict=True)
        )
        write_whole(folder / PAIRS_FILE, "".join(f"{row}\n" for row in rows).encode("utf-8"))
        settings = json.dumps({"analysis": self.analysis}, indent=2)
        write_whole(folder / SETTINGS_FILE, f"{settings}\n".encode())

    @classmethod
    def load(cls, folder: Path) -> Memory:
        """The memory in a folder. Raises Damaged."""
        path = folder / PAIRS_FILE
        try:
            settings = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
            rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            return fit_memory(
                [row["source"] for row in rows], [row["target"] for row in rows], settings["analysis"]
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged("This memory cannot be read.", where=str(path), got=str(error)) from None

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return idf(self.counts)

    @cached_property
    def _postings(self) -> tuple[Places, Places, NDArray[np.float64]]:
        """(where each n-gram's entries begin (G + 1,), their pairs (E,), their weights (E,))."""
        vectors = weigh(self.counts, self._weights, sublinear=True)
        order = np.argsort(vectors.gram, kind="stable")
        begins_G = np.searchsorted(vectors.gram[order], np.arange(self.counts.grams + 1))
        return begins_G, vectors.text[order], vectors.value[order]

    def _likenesses(self, questions: Sequence[str]) -> Iterator[NDArray[np.float64]]:
        """The cosine of each question with every source: (P,)."""
        begins_G, pairs_E, weights_E = self._postings
        for start in range(0, len(questions), AT_ONCE):
            batch = questions[start : start + AT_ONCE]
            asked = weigh(self.vocabulary.count(batch), self._weights, sublinear=True)
            begins = np.searchsorted(asked.text, np.arange(len(batch) + 1))
            for one in range(len(batch)):
                near_P = np.zeros(len(self.sources))
                for at in range(begins[one], begins[one + 1]):
                    here = slice(begins_G[asked.gram[at]], begins_G[asked.gram[at] + 1])
                    near_P[pairs_E[here]] += asked.value[at] * weights_E[here]  # a pair stands once in `here`
                yield near_P


def fit_memory(
    sources: Sequence[str], targets: Sequence[str], analysis: Analysis = "characters_in_words"
) -> Memory:
    """Remember these pairs. Raises InvalidInput where there are none."""
    if not sources or len(sources) != len(targets):
        raise InvalidInput(
            "A memory needs sources, and a target for each.", got=f"{len(sources)}, {len(targets)}"
        )
    vocabulary, counts = Vocabulary.of(sources, analysis, NGRAMS, min_df=1)
    return Memory(tuple(sources), tuple(targets), analysis, vocabulary, counts)
