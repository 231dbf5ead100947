"""Curation: ours and the peers', the same documents, the same rules: megabytes of text and documents a second, each
stage and in total.

    python -m benchmarks.data FOLDER [MEGABYTES] [PEERS]       # FOLDER keeps what is downloaded

PEERS is the Python of an environment with `datatrove[processing]` and `py-data-juicer`, made by `make bench-data`;
both pin what Catenary does not want. A peer gets the first part of the documents, as much as it does in some seconds a
stage; near copies and personal data are planted in others, to see what each side finds. A peer's whole chain has
neither the language nor the duplicates that ours does too; ours is timed with its starting, the peers' without. Beside
our rates stand those of a CPU second, which others' work on the machine changes less.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.data_corpus import corpus, pages, planted
from benchmarks.data_truth import of_duplicates, of_personal_data
from catenary.data.batches import batch_of
from catenary.data.curate import curate_files, slices
from catenary.data.shards import ParquetSink, shard_path
from catenary.data.steps import Step, parse_steps
from catenary.digest import text_sha256
from catenary.records import Document, document_id, document_schema

STAGES: dict[str, object] = {
    "normalise": "normalise",
    "language": {"language": ["zh", "en"]},
    "gopher": {"quality": ["gopher"]},
    "repetition": {"quality": ["repetition"]},
    "fineweb": {"quality": ["fineweb"]},
    "c4": "c4",
    "personal data": "redact",
    "near duplicates": {"dedup": {"near": 0.8}},
}
CHAIN: list[object] = [
    "normalise",
    {"language": ["zh", "en"]},
    {"quality": ["gopher", "repetition"]},
    "redact",
    {"dedup": {"near": 0.8}},
]
PEER_BYTES = 2_000_000
SHARDS = 8
PEERS = Path(__file__).with_name("data_peers.py")


def megabytes(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def head(texts: list[str], size: float) -> list[str]:
    """The first texts, up to so many bytes."""
    taken: list[str] = []
    held = 0
    for text in texts:
        held += len(text.encode())
        if held > size:
            break
        taken.append(text)
    return taken


def documents_from(texts: Sequence[str], first: int = 0) -> list[Document]:
    return [
        Document(text, document_id("s", "f", text, at), source="s", file="f", offset=at, licence="MIT",
                 sha256=text_sha256(text))
        for at, text in enumerate(texts, first)
    ]  # fmt: skip


def write_shards(texts: list[str], folder: Path) -> list[Path]:
    """Shards as `collect` makes them, but alike in size, so that two workers have the same to do."""
    size = min(sum(len(text.encode()) for text in texts) / SHARDS * 1.02, 16 << 20)
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    start = 0
    while start < len(texts):
        part = head(texts[start:], size) or texts[start : start + 1]
        documents = documents_from(part, start)
        path = shard_path(folder, "raw", len(paths))
        with ParquetSink(path, document_schema()) as sink:
            sink.write(pa.Table.from_batches([batch_of(documents)]))
        paths.append(path)
        start += len(part)
    return paths


Rates = dict[str, dict[str, float]]  # stage → peer → MB/s


def asked(peers: Path | None, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the peers' own Python answers."""
    if not peers:
        return []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(question, file)
        file.flush()
        ended = subprocess.run([peers, PEERS, file.name], capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    if not told:
        print(ended.stderr[-2000:])
    return told


def of_peers(name: str, texts: list[str], peers: Path | None) -> Rates:
    """How fast the peers are at each stage."""
    theirs: Rates = {}
    for told in asked(peers, {"language": name, "texts": head(texts, PEER_BYTES)}):
        theirs.setdefault(told["stage"], {})[told["peer"]] = told["rate"]
    return theirs


def cpu_seconds() -> float:
    """What this process and those that have ended in it have taken of the processors."""
    told = os.times()
    return told.user + told.system + told.children_user + told.children_system


def run_step(step: Step, batches: Sequence[pa.RecordBatch]) -> None:
    """A step over some batches, as a chain runs it."""
    notes: Counter[str] = Counter()
    if step.per_document:
        for batch in batches:
            step.run(batch, notes, {})
        return
    with tempfile.TemporaryDirectory() as folder:
        shard, decided = Path(folder) / "shard", Path(folder) / "decided"
        shard.mkdir()
        decided.mkdir()
        step.corpus.look(batches, step.options, shard)
        step.corpus.decide([shard], step.options, decided, notes)
        whole = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
        step.corpus.act(whole, step.options, decided, 0, notes)


def of_stages(
    name: str, texts: list[str], peers: Path | None, stages: Mapping[str, object], also: Rates | None = None
) -> Rates:
    """Print our rate at each stage, and the peers', which are returned. `also` holds more of these."""
    size = megabytes(texts)
    theirs = of_peers(name, texts, peers) | (also or {})
    print(f"\n{name}: {len(texts)} documents, {size:.1f} MB; MB/s, MB a CPU second (documents/s)")
    batches = list(slices(pa.Table.from_batches([batch_of(documents_from(texts))])))
    for stage, [step] in ((stage, parse_steps([raw])) for stage, raw in stages.items()):
        run_step(step, batches[:1])  # compiled, loaded
        began, cpu = time.perf_counter(), cpu_seconds()
        run_step(step, batches)
        took, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        rate = size / took
        beside = "".join(
            f"   {peer} {one:.2f} ({rate / one:.0f} ×)" for peer, one in theirs.get(stage, {}).items()
        )
        print(f"  {stage:<16} {rate:>8.1f} {size / cpu:>8.1f} ({len(texts) / took:,.0f}){beside}", flush=True)
    return theirs


def of_chain(texts: list[str], folder: Path, theirs: Rates) -> None:
    """Print the rates of the whole chain from shards to a dataset, with one worker and two, ours and the peers'."""
    size = megabytes(texts)
    shards = write_shards(texts, folder / "raw")
    rates = {}
    for workers in (1, 2):
        work = folder / f"by-{workers}"
        began, cpu = time.perf_counter(), cpu_seconds()
        report = curate_files(shards, CHAIN, None, work / "out", work / "state", workers=workers)
        rates[workers] = size / (time.perf_counter() - began)
        print(
            f"  whole chain, {workers} worker(s): {rates[workers]:.1f} MB/s, "
            f"{size / (cpu_seconds() - cpu):.1f} a CPU second, "
            f"{rates[workers] / size * len(texts):,.0f} documents/s, {report.kept} of {report.documents} kept"
        )
        for peer, rate in theirs.get(f"chain by {workers}", {}).items():
            print(f"    {peer}, {workers} worker(s): {rate:.3f} MB/s (ours: {rates[workers] / rate:.0f} ×)")
    print(f"  two over one: {rates[2] / rates[1]:.2f}")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir()) / "catenary-bench-data"
    size = float(sys.argv[2]) * 1e6 if len(sys.argv) > 2 else 20e6
    peers = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    english, chinese = corpus(folder)
    parse_steps(CHAIN)
    both: list[str] = []
    chains: Rates = {}
    for name, texts in (("en", english), ("zh", chinese)):
        texts = planted(head([text for text in texts if text.strip()], size), 0.1)
        near = {"near duplicates": of_duplicates(name, texts, partial(asked, peers))}
        for stage, rates in of_stages(name, texts, peers, STAGES, near).items():
            for peer, rate in rates.items():  # of as much of each language
                before = chains.setdefault(stage, {}).get(peer)
                chains[stage][peer] = rate if before is None else 2 / (1 / before + 1 / rate)
        both += texts
    of_personal_data(partial(asked, peers))
    of_stages("html", head(pages(folder), size), peers, {"html": "extract"})
    print(f"\nfrom shards to a dataset, {megabytes(both):.0f} MB of both languages")
    with tempfile.TemporaryDirectory() as place:
        of_chain(both, Path(place), chains)


if __name__ == "__main__":
    main()
