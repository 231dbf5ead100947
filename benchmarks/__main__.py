"""`python -m benchmarks [modelling] [loading] [pretraining] [answering] [inference]`: all but the last by default."""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks.answering import answering
from benchmarks.inference import inference
from benchmarks.loading import loading
from benchmarks.modelling import modelling
from benchmarks.pretraining import pretraining
from benchmarks.texts import reviews

BENCHMARKS = {
    "modelling": modelling,
    "loading": loading,
    "pretraining": pretraining,
    "answering": answering,
}
LONGER = {"inference": inference}


def main() -> None:
    benchmarks = BENCHMARKS | LONGER
    names = sys.argv[1:] or list(BENCHMARKS)
    texts = list(islice(reviews(), 4000))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            benchmarks[name](texts, Path(folder))


if __name__ == "__main__":
    main()
