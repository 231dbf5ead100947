"""`python -m benchmarks [modelling] [loading] [pretraining] [answering]`"""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks.answering import answering
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


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    texts = list(islice(reviews(), 4000))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            BENCHMARKS[name](texts, Path(folder))


if __name__ == "__main__":
    main()
