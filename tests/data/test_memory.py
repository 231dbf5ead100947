"""Twice the corpus takes no more memory: it is curated shard by shard, and small documents cost few bytes each."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from catenary.data import dedup
from catenary.data.batches import batch_of
from catenary.data.shards import shard_path
from catenary.data.step_settings import DedupSettings
from catenary.records import Document
from tests.data.shards import write_shard

STEPS = ["normalise", {"language": ["en"]}, {"quality": ["repetition"]}, "redact", {"dedup": {"near": 0.8}}]
CURATED = f"""
import sys
from pathlib import Path
from catenary.data import curate_files, merge
from catenary.memory import peak_bytes
merge.BUCKET_BYTES = 2 << 20  # so that there are several, as there are of a corpus that is worth it
folder = Path(sys.argv[1])
curate_files(sorted(folder.glob("raw-*")), {STEPS!r}, None, folder / "out", folder / "state")
print(peak_bytes() >> 20)
"""
SHARD_DOCUMENTS, WORDS = 400, 600  # 1.4 MB of text


def peak_megabytes(folder: Path, shards: int) -> int:
    for at in range(shards):
        r = random.Random(at)
        words = ["".join(r.choices("aeinorst", k=r.randrange(2, 9))) for _ in range(5000)]
        texts = (" ".join(r.choices(words, k=WORDS)) for _ in range(SHARD_DOCUMENTS))
        named = [Document(text, source="s", file=f"{at}-{n}") for n, text in enumerate(texts)]
        write_shard(shard_path(folder, "raw", at), named)
    done = subprocess.run(
        [sys.executable, "-c", CURATED, str(folder)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.slow
def test_twice_the_corpus_in_the_same_memory(tmp_path: Path) -> None:
    once, twice = peak_megabytes(tmp_path / "once", 8), peak_megabytes(tmp_path / "twice", 16)
    assert twice < once + 40  # 11 MB more of text, of which no step holds more than a shard or a bucket
    assert twice < 600


DECIDED = """
import sys
from collections import Counter
from pathlib import Path
from catenary.data import dedup
from catenary.data.step_settings import DedupSettings
from catenary.memory import peak_bytes
folder, settings = Path(sys.argv[1]), DedupSettings(near=0.8)
before = peak_bytes()
dedup.decide(sorted(folder.glob("sketch-*")), settings, folder, Counter())
print(peak_bytes() - before)
"""
SMALL_DOCUMENTS = 10_000  # of a shard, half of them near copies of another
BYTES_A_DOCUMENT = 300  # held at once; the sketches have some 600 for each on disk
BYTES_AT_ONCE = 64 << 20  # for the pairs that are compared, however many documents there are


@pytest.mark.slow
def test_near_duplicates_among_many_small_documents_take_few_bytes_each(tmp_path: Path) -> None:
    r, shards, settings = random.Random(1), 20, DedupSettings(near=0.8)
    words = ["".join(r.choices("aeinorst", k=r.randrange(2, 9))) for _ in range(5000)]
    for at in range(shards):
        texts = [" ".join(r.choices(words, k=80)) for _ in range(SMALL_DOCUMENTS // 2)]
        texts += [f"{text} {n}" for n, text in enumerate(texts)]
        batch = batch_of(Document(text, id=f"{at:02}{n:05}") for n, text in enumerate(texts))
        (tmp_path / f"sketch-{at:02}").mkdir()
        dedup.look([batch], settings, tmp_path / f"sketch-{at:02}")
    done = subprocess.run(
        [sys.executable, "-c", DECIDED, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < BYTES_AT_ONCE + shards * SMALL_DOCUMENTS * BYTES_A_DOCUMENT
    gone = sum(dedup.load_decisions(tmp_path, at).rows.size for at in range(shards))
    assert gone > 0.9 * shards * SMALL_DOCUMENTS / 2
