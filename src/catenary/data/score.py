"""Score: how much a text is like good examples, and how little like bad ones: quality that is learnt.

    good: [handbook]                    # sources beside `from:`, whose texts are what is wanted …
    bad: [spam]                         # … and what is not
    steps:
      - score: {at_least: 0.5}

A linear classifier of words and pairs of words learns from the examples before the first text is judged, in seconds
(`linear_scores.py`); both kinds count alike, however many there are of each. A tenth of them is held out: the notes
say how many of these it tells apart. The score of a text is the probability that it is a good one.

T. Brown et al., Language models are few-shot learners (2020), app. A, filters Common Crawl so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped
from catenary.data.histograms import shares
from catenary.data.linear_scores import LinearScores, features_of, learn
from catenary.data.normalise import normalised
from catenary.data.step_settings import NormaliseSettings, ScoreSettings
from catenary.errors import InvalidInput

# The good examples and the bad ones.
Examples = Callable[[], tuple[Iterable[str], Iterable[str]]]

MOST_EXAMPLES = 50_000  # of each kind
FEWEST_EXAMPLES = 20
HELD_OUT = 10  # one in so many


@dataclass(frozen=True, slots=True)
class Learnt:
    """The classifier, and how many of so many held-out examples it told rightly."""

    model: LinearScores
    right: int
    held_out: int


def score(
    batch: pa.RecordBatch, settings: ScoreSettings, notes: Counter[str], examples: Examples | None = None
) -> pa.RecordBatch:
    """Drops `score:low`. Notes the scores as a histogram, and `held_out` and `held_out_right` of the examples."""
    if examples is None:
        raise InvalidInput(
            "There are no examples to learn from.",
            expected="`good:` and `bad:` with the sources of examples, beside `from:`",
            where="steps.score",
        )
    learnt = learnt_from(examples, settings.seed)
    notes["held_out_right"], notes["held_out"] = learnt.right, learnt.held_out
    rows = kept_rows(batch)
    scores = learnt.model.probabilities(features_of(texts_at(batch, rows)))[:, 1]
    low = scores < settings.at_least
    shares("score", scores, ~low, notes)
    return with_dropped(batch, rows[low], "score:low")


@lru_cache(maxsize=2)
def learnt_from(examples: Examples, seed: int = 17) -> Learnt:
    """Learn from examples. Raises InvalidInput where there are too few of a kind."""
    kinds = {}
    for name, texts in zip(("good", "bad"), examples(), strict=True):
        some = [text for text in islice(texts, MOST_EXAMPLES) if text.strip()]
        if len(some) < FEWEST_EXAMPLES:
            raise InvalidInput(
                "There are too few examples to learn from.",
                got=f"{name}: {len(some)}",
                expected="{count} texts or more of each kind",
                where="steps.score",
                count=FEWEST_EXAMPLES,
            )
        kinds[name] = normalised(pa.array(some, pa.large_string()), NormaliseSettings())
    texts = pa.concat_arrays([kinds["bad"], kinds["good"]])
    codes = np.repeat([0, 1], [len(kinds["bad"]), len(kinds["good"])])
    features = features_of(texts)
    mine = np.arange(len(codes)) % HELD_OUT != HELD_OUT - 1
    # As many of each: the rarer kind's examples come again.
    rows = [np.flatnonzero(mine & (codes == kind)) for kind in (0, 1)]
    most = max(map(len, rows))
    chosen = np.concatenate([np.resize(one, most) for one in rows])
    model = learn(features.at(chosen), codes[chosen], 2, seed)
    told = model.probabilities(features.at(np.flatnonzero(~mine))).argmax(axis=1)
    return Learnt(model, int((told == codes[~mine]).sum()), int((~mine).sum()))
