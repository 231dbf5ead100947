"""Verbatim match at size: an index of many tokens of real text, its bytes, and how long a question takes.

python -m benchmarks.verbatim [MB of text]
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from pydoc_data.topics import topics
from statistics import median

import numpy as np


def main() -> None:
    from catenary.evaluate.verbatim import Index, build_index
    from catenary.tokenizer import TokenizerSettings, train

    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 100
    pages = [text for _, text in sorted(topics.items())]
    tokenizer = train(pages, TokenizerSettings(kind="bpe", vocab_size=8000))
    encoded = [np.array(one) for one in tokenizer.encode_batch(pages)]
    tokens, size = sum(map(len, encoded)), sum(len(text.encode()) for text in pages)
    wanted = int(megabytes * 1e6 * tokens / size)
    draw = np.random.default_rng(3)

    def documents():  # type: ignore[no-untyped-def]
        """Pages with a tenth of their tokens drawn anew, so that no two are alike, until there are enough."""
        done = number = 0
        while done < wanted:
            one = encoded[number % len(encoded)].copy()
            at = draw.random(len(one)) < 0.1
            one[at] = draw.integers(0, tokenizer.vocab_size, int(at.sum()))
            yield f"{number:08d}", one
            done, number = done + len(one), number + 1

    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        told = build_index(documents(), Path(place) / "index", vocab_size=tokenizer.vocab_size)
        built = time.perf_counter() - began
        index = Index.open(Path(place) / "index")
        asked = [random.Random(n).choice(encoded)[:200].tolist() for n in range(25)]
        index.spans(asked[0])  # compiles
        times = []
        for one in asked[5:]:
            began = time.perf_counter()
            index.spans(one)
            times.append(time.perf_counter() - began)
        print(
            f"{megabytes:.0f} MB of text, {told['tokens']:,} tokens in {told['shards']} shards, built in {built:.0f} s"
        )
        print(f"  index {index.bytes / (2 * told['tokens']):.2f} × the tokens' size (2 bytes each)")
        print(
            f"  200 tokens matched in {median(times) * 1e3:.1f} ms (median of 20), at most {max(times) * 1e3:.1f} ms"
        )


if __name__ == "__main__":
    main()
