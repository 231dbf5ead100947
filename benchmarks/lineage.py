"""Tracing at size: `python -m benchmarks.lineage [postgresql://…]` makes a catalog of 10,000 artifacts over 1,000,000
documents and says how long answers take to their sources, and documents to all that was made from them.

What is made is plain to a reader and known to the maker: `World` holds inputs, documents and answers as it made them,
so that a test can compare a trace with a walk by hand (tests/chain/test_trace_at_size.py).
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from catenary.chain.trace import Node, trace
from catenary.config import Home
from catenary.data.shards import ParquetSink, index_schema
from catenary.store import FileEntry, Manifest, Receipt, Store, recipe_id
from catenary.store.catalog import add_artifact, point
from catenary.store.documents import FOLDER, write_ids
from catenary.store.objects import object_folder
from catenary.store.receipts import add_receipts
from catenary.store.tables import runs

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DROPPED_EVERY = 20  # one document of so many is dropped by each dataset
ALLOWED_SECONDS = 1.0  # of one trace
BASES = 30  # models that others are tuned from


@dataclass
class World:
    """What was made. `holders`: document → the collections and datasets that have it, and whether it was kept."""

    manifests: list[Manifest] = field(default_factory=list)  # each after its inputs
    documents: list[str] = field(default_factory=list)
    collection_of: dict[str, str] = field(default_factory=dict)  # document → collection
    datasets_of: dict[str, list[str]] = field(default_factory=dict)  # collection → datasets made from it
    files_of: dict[str, set[str]] = field(default_factory=dict)  # collection → digests of its files
    answers: dict[str, str] = field(default_factory=dict)  # receipt → release
    made: dict[str, list[str]] = field(default_factory=dict)  # artifact → what was made straight from it

    def inputs(self) -> dict[str, Mapping[str, str]]:
        return {manifest.id: manifest.inputs for manifest in self.manifests}

    def holders(self, document: str) -> dict[str, bool]:
        """artifact → whether it kept the document"""
        collection = self.collection_of[document]
        kept = {dataset: not dropped(dataset, document) for dataset in self.datasets_of.get(collection, ())}
        return {collection: True, **kept}


def dropped(dataset: str, document: str) -> bool:
    """Whether this dataset dropped the document."""
    return (int(dataset[:8], 16) + int(document[:8], 16)) % DROPPED_EVERY == 0


def build(home: Path, *, artifacts: int = 10_000, documents: int = 1_000_000, seed: int = 7) -> World:
    """Write the objects of `artifacts` artifacts over `documents` documents into a home; no catalog yet."""
    lots, world = random.Random(seed), World()
    collections = _collections(home, world, documents, artifacts * 4 // 100)
    datasets = _datasets(home, world, collections, artifacts * 6 // 100, lots)
    tokenizers = [
        _add(home, world, "tokenizer", "tokenize", number, {"from": lots.choice(datasets)})
        for number in range(artifacts * 3 // 100)
    ]
    models: list[str] = []
    for number in range(artifacts * 53 // 100):
        inputs = {"from": lots.choice(datasets), "tokenizer": lots.choice(tokenizers)}
        if number >= BASES:
            inputs["init"] = models[lots.randrange(BASES if lots.random() < 0.7 else number)]
        models.append(_add(home, world, "model", "finetune", number, inputs))
    evaluations = []
    for number in range(artifacts * 22 // 100):
        of = lots.sample(models, 2)
        evaluations.append(
            _add(
                home,
                world,
                "evaluation",
                "evaluate",
                number,
                {"of.one": of[0], "of.other": of[1], "on": lots.choice(datasets)},
            )
        )
    releases = []
    for number in range(artifacts - len(world.manifests)):
        judged = lots.choice(evaluations)
        model = lots.choice(models)
        releases.append(
            _add(home, world, "release", "release", number, {"from": model, "evaluation.quality": judged})
        )
    for number in range(artifacts):
        world.answers[f"rcpt_{number:032x}"] = lots.choice(releases)
    return world


def enter(store: Store, world: World) -> None:
    """Bring the catalog to what `build` wrote: artifacts, links, runs and the receipts of answers."""
    with store.writing() as connection:
        for manifest in world.manifests:
            add_artifact(connection, manifest)
        for number, manifest in enumerate(world.manifests):
            section = f"{manifest.kind}s"
            point(connection, "world", f"{section}.{number}", manifest.id)
            if manifest.kind == "release":
                point(connection, "world", f"endpoints.{number}", manifest.id)
        run = {"chain": "world", "host": "here", "pid": 1, "started_at": AT, "ended_at": AT, "seconds": 1.0}
        rows = [
            {**run, "link": f"{one.kind}s", "stage": one.stage, "artifact_id": one.id, "outcome": "done"}
            for one in world.manifests
        ]
        connection.execute(insert(runs), rows)
        made = [
            Receipt(id, AT, "endpoint", None, release, False, None, {"texts": []})
            for id, release in world.answers.items()
        ]
        add_receipts(connection, made)
    if store.engine.dialect.name == "postgresql":  # its own housekeeping does this within a minute
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")


def _add(
    home: Path,
    world: World,
    kind: str,
    stage: str,
    number: int,
    inputs: Mapping[str, str],
    report: Mapping[str, Any] | None = None,
    rows: Sequence[Mapping[str, Any]] | None = None,
) -> str:
    """Write one object as a commit would, but for waiting for the disk, and remember it."""
    import pyarrow as pa

    settings = {"number": number, "learning_rate": 0.001, "epochs": 3, "batch_size": 32}
    id = recipe_id(stage, 1, settings, inputs)
    folder = object_folder(home, kind, id)
    folder.mkdir(parents=True)
    files = {}
    if rows is not None:
        path = folder / "documents.parquet"
        columns = {name: [row.get(name) for row in rows] for name in index_schema().names}
        with ParquetSink(path, index_schema()) as sink:
            sink.write(pa.table(columns, index_schema()))
        files["documents.parquet"] = FileEntry("0" * 64, path.stat().st_size)
        write_ids(home, id, folder)
    told = {"headline": {"accuracy": 0.9, "documents": number}, "gates": [], **(report or {})}
    manifest = Manifest(id, kind, stage, 1, settings, inputs, files, told)
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    world.manifests.append(manifest)
    for input_id in set(inputs.values()):
        world.made.setdefault(input_id, []).append(id)
    return id


def _row(document: str, collection: int) -> dict[str, Any]:
    return {
        "id": document,
        "source": f"source{collection}",
        "file": f"file{int(document[:2], 16) % 10}.txt",
        "offset": int(document[:6], 16),
        "licence": "MIT",
        "consent": "",
        "sha256": document * 2,
    }


def _collections(
    home: Path, world: World, documents: int, count: int
) -> list[tuple[str, list[dict[str, Any]]]]:
    made = []
    for number in range(count):
        share = range(number * documents // count, (number + 1) * documents // count)
        ids = sorted(hashlib.sha256(b"document %d" % one).hexdigest()[:32] for one in share)
        rows = [_row(document, number) for document in ids]
        files = [
            {
                "name": f"file{one}.txt",
                "sha256": hashlib.sha256(b"file %d %d" % (number, one)).hexdigest(),
                "records": len(ids) // 10,
            }
            for one in range(10)
        ]
        report = {"files": files, "licence": "MIT", "source": f"source{number}"}
        id = _add(home, world, "collection", "collect", number, {}, report, rows)
        world.documents += ids
        world.collection_of.update(dict.fromkeys(ids, id))
        world.files_of[id] = {str(file["sha256"]) for file in files}
        made.append((id, rows))
    return made


def _datasets(
    home: Path,
    world: World,
    collections: list[tuple[str, list[dict[str, Any]]]],
    count: int,
    lots: random.Random,
) -> list[str]:
    made = []
    for number in range(count):
        chosen = lots.sample(collections, lots.randint(1, 3))
        inputs = {f"from.source{place}": id for place, (id, _) in enumerate(chosen)}
        settings = {"number": number, "learning_rate": 0.001, "epochs": 3, "batch_size": 32}
        id = recipe_id("curate", 1, settings, inputs)
        rows = [
            {**row, "dropped": "dedup:near"} if dropped(id, row["id"]) else {**row, "split": "train"}
            for _, held in chosen
            for row in held
        ]
        rows.sort(key=lambda row: str(row["id"]))
        assert _add(home, world, "dataset", "curate", number, inputs, None, rows) == id
        for collection, _ in chosen:
            world.datasets_of.setdefault(collection, []).append(id)
        made.append(id)
    return made


def nodes(tree: Node) -> Iterator[Node]:
    """Every node of a trace."""
    yield tree
    for child in tree.children:
        yield from nodes(child)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = Path(folder, ".catenary")
        world = build(path)
        print(
            f"{len(world.manifests):,} artifacts, {len(world.documents):,} documents: written in {_since(began)}"
        )
        for url in (f"sqlite:///{path / 'catalog.db'}", *sys.argv[1:]):
            with Store.open(Home(path, url)) as store:
                began = time.perf_counter()
                enter(store, world)
                print(f"\n{store.engine.dialect.name}: entered in {_since(began)}")
                lots = random.Random(11)
                first = world.documents[0]
                print(f"  a new process {_in_a_new_process(path, url, first)}")
                shutil.rmtree(path / FOLDER)
                _time("one, its cache lost", [first], lambda one: trace(store, f"doc:{one}", down=True))
                documents = lots.sample(world.documents, 50)
                _time("documents, down", documents, lambda one: trace(store, f"doc:{one}", down=True))
                _time("documents", documents, lambda one: trace(store, f"doc:{one}"))
                answers = lots.sample(sorted(world.answers), 50)
                _time("answers", answers, lambda one: trace(store, one))


def _in_a_new_process(home: Path, url: str, document: str) -> str:
    """Its seconds from opening the store to the trace of its first document, imports and all."""
    code = (
        "import sys, time; began = time.perf_counter()\n"
        "from pathlib import Path; from catenary.chain.trace import trace\n"
        "from catenary.config import Home; from catenary.store import Store\n"
        "imported = time.perf_counter()\n"
        "with Store.open(Home(Path(sys.argv[1]), sys.argv[2])) as store:\n"
        "    trace(store, 'doc:' + sys.argv[3], down=True)\n"
        "print(f'{imported - began:.3f} s to import, {time.perf_counter() - imported:.3f} s to the first document')"
    )
    command = [sys.executable, "-c", code, str(home), url, document]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"


def _time(name: str, of: Sequence[str], traced: Callable[[str], Node]) -> None:
    taken, busy, sizes = [], [], []
    for one in of:
        began, worked = time.perf_counter(), time.process_time()
        tree = traced(one)
        taken.append(time.perf_counter() - began)
        busy.append(time.process_time() - worked)
        sizes.append(sum(1 for _ in nodes(tree)))
    taken.sort()
    busy.sort()
    middle = len(taken) // 2
    print(
        f"  {name:20} median {taken[middle]:.3f} s  slowest {taken[-1]:.3f} s  "
        f"of it this process {busy[middle]:.3f} and {busy[-1]:.3f} s  at most {max(sizes):,} nodes  "
        f"slowest {taken[-1] / ALLOWED_SECONDS:.0%} of what is allowed"
    )


if __name__ == "__main__":
    main()
