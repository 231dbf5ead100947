"""A memory of pairs: what was written for the source most like this one. The control of translation and chat.

    >>> memory = fit_memory(["Close the window.", "Open the file."], ["关闭窗口。", "打开文件。"])
    >>> memory.answer(["Close the windows."])
    ['关闭窗口。']

Likeness is the cosine of TF-IDF vectors over character n-grams within words (characters, where words are not spaced).
Translators have worked with such memories since the 1990s; on manuals they are hard to beat.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged, InvalidInput
from catenary.files import make_folder, write_whole
from catenary.models.baselines.linear_settings import Analysis
from catenary.models.baselines.tfidf import Counts, Vocabulary, idf, weigh

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CONFIG_FILE, PAIRS_FILE = "config.json", "memory.jsonl"
NGRAMS = (2, 4)
AT_ONCE = 256  # questions


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

    def nearest(self, questions: Sequence[str], *, own: bool = False) -> tuple[list[int], list[float]]:
        """(which source is nearest, how near: 0 to 1) for each question.

        With `own` the questions are the sources themselves, and none is its own nearest: what a model that is to work
        with this memory trains on.
        """
        weights = idf(self.counts)
        known = _matrix(self.counts, weights)
        places: list[int] = []
        scores: list[float] = []
        for start in range(0, len(questions), AT_ONCE):
            asked = _matrix(self.vocabulary.count(questions[start : start + AT_ONCE]), weights)
            near = (asked @ known.T).toarray()
            if own:
                near[np.arange(len(near)), np.arange(start, start + len(near))] = -1.0
            best = near.argmax(axis=1)
            places += best.tolist()
            scores += near[np.arange(len(best)), best].tolist()
        return places, scores

    def save(self, folder: Path) -> None:
        """Write config.json and the pairs."""
        make_folder(folder)
        rows = (
            json.dumps({"source": source, "target": target}, ensure_ascii=False)
            for source, target in zip(self.sources, self.targets, strict=True)
        )
        write_whole(folder / PAIRS_FILE, "".join(f"{row}\n" for row in rows).encode("utf-8"))
        config = {"family": "memory", "analysis": self.analysis}
        write_whole(folder / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode("utf-8"))

    @classmethod
    def load(cls, folder: Path) -> Memory:
        """The memory in a folder. Raises Damaged."""
        path = folder / PAIRS_FILE
        try:
            config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
            rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            return fit_memory(
                [row["source"] for row in rows], [row["target"] for row in rows], config["analysis"]
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged("This memory cannot be read.", where=str(path), got=str(error)) from None


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


def _matrix(counts: Counts, weights: NDArray[np.float64]) -> csr_array:
    from scipy.sparse import coo_array

    vectors = weigh(counts, weights, sublinear=True)
    shape = (counts.texts, counts.grams)
    return coo_array((vectors.value, (vectors.text, vectors.gram)), shape=shape).tocsr()
