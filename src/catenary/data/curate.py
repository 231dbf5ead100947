"""Curate: a corpus through its steps, in memory or from shard to shard on disk.

    >>> done = curate(["很好，值得买", "很好，值得买", "ok"], ["normalise", {"language": ["zh"]}, "dedup"])
    >>> [document.text for document in done.kept], [document.dropped for document in done.dropped]
    (['很好，值得买'], ['dedup:exact', 'language:en'])

The steps are cut where one looks at the whole corpus (`dedup`), and each stretch is one pass over the shards. What a
pass makes of a shard is committed as one folder, so a run that is killed goes on from the last of them, and ends with
the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catenary.data.augment import variants
from catenary.data.batches import batch_of, documents_of, kept_rows, with_dropped
from catenary.data.executor import over, processes
from catenary.data.merge import READ, WRITTEN, bucket_count, merged, write_buckets
from catenary.data.repeats import repeats_of, write_repeats
from catenary.data.report import CurationReport, Tally
from catenary.data.shards import INDEX_FILE, ParquetSink, SplitSink, committed, index_schema
from catenary.data.split import SPLITS, SplitSettings, split_at, splits_of
from catenary.data.step_settings import AugmentSettings
from catenary.data.steps import STEPS, Helpers, Step, parse_steps
from catenary.digest import digest, text_sha256
from catenary.errors import CatenaryError, InvalidInput
from catenary.memory import release_unused
from catenary.progress import SILENT, Progress
from catenary.records import Document, document_id, document_schema

NOTES = "notes.json"
VERSION = 1  # of what `curate_files` writes, beyond the versions of its steps
THREADS_BYTES = 96 << 20  # of shards, unpacked: less is shared among threads, however many
SLICE_BYTES = (
    1 << 20
)  # text that the steps see at a time: their arrays then stay in the cache, a third faster


@dataclass(frozen=True, slots=True)
class Curated:
    """Every document that came in, in its order: kept, or with the reason in `dropped`."""

    documents: tuple[Document, ...]
    report: CurationReport
    repeats: Mapping[str, int] = field(
        default_factory=dict
    )  # by id: how often training reads it, where not once

    @property
    def kept(self) -> list[Document]:
        """The documents that no step dropped."""
        return [document for document in self.documents if document.dropped is None]

    @property
    def dropped(self) -> list[Document]:
        """The others; `document.dropped` is `step:reason`."""
        return [document for document in self.documents if document.dropped is not None]


def curate(
    documents: Iterable[Document | str], steps: Iterable[object], helpers: Helpers | None = None
) -> Curated:
    """Documents or plain texts through `steps`, in memory. Raises InvalidInput for steps that do not exist."""
    batch = batch_of(_identified(documents))
    tally = Tally()
    repeats: Mapping[str, int] = {}
    _came_in(batch, tally)
    for own, corpus in _passes(parse_steps(steps)):
        for name, step in own:
            batch = _stepped(batch, name, step, tally, helpers or {})
        if corpus is not None:
            batch, told = _stepped_over_all(batch, *corpus, tally)
            repeats = told or repeats
    _goes_out(batch, tally)
    done = tuple(documents_of(batch))
    kept = {document.id for document in done if document.dropped is None}
    repeats = {name: times for name, times in repeats.items() if name in kept}
    return Curated(done, CurationReport.of(tally), repeats)


def curate_files(
    shards: Sequence[Path],
    steps: Iterable[object],
    split: SplitSettings | None,
    out: Path,
    state: Path,
    progress: Progress = SILENT,
    workers: int = 1,
    helpers: Helpers | None = None,
    ray: str | None = None,
    augment: AugmentSettings | None = None,
) -> CurationReport:
    """Shards of raw documents (as `collect` writes them) into a dataset in `out`: see `shards.py`.

    `state` is a folder of its own; calling again with the same arguments goes on from what is there, and the bytes
    in `out` are those of a run without a break, by any number of `workers` (processes), or by the nodes of the Ray
    cluster at the address `ray`, which all see `shards` and `state`. Memory is bounded by the largest shard a worker
    and, where the steps hold `dedup`, by some 200 bytes a kept document.

    With `augment` the training split holds variants of its documents too, which the report counts apart; the helper
    `through`, where there is one, translates them there and back.

    Raises InvalidInput when nothing is kept, or a split that was asked for has no document.
    """
    passes = _passes(parse_steps(steps))
    if (
        split
        and (split.group or split.time)
        and not any(corpus and corpus[1].name == "dedup" for _, corpus in passes)
    ):
        raise InvalidInput(
            "A split by group or time could part equal texts.",
            expected="the step `dedup` among `steps:`",
            where="split",
        )
    plan = _plan(shards, passes, split, augment)
    _open_state(state, plan)
    out.mkdir(parents=True, exist_ok=True)
    footers = [pq.read_metadata(shard) for shard in shards]
    rows = [footer.num_rows for footer in footers]
    buckets = bucket_count(sum(shard.stat().st_size for shard in shards) * 2)
    progress.begin("Curating", sum(rows) * len(passes), "documents")

    total = Tally()
    load = partial(_loaded, [step for own, _ in passes for _, step in own])
    beside = not augment and _by_threads(workers, footers, passes, helpers or {})
    with processes(1 if ray else min(workers, len(shards)), beside) as others:
        for number in range(len(passes)):
            todo = [
                _Pass(passes, number, at, shard, state, split, buckets, helpers or {}, augment)
                for at, shard in enumerate(shards)
            ]
            for at, _ in enumerate(over(todo, _done, others, ray, state, load)):
                total.add(_read_tally(_folder(state, number, at)))
                progress.advance(rows[at])
            release_unused()  # what the threads of this pass held
            _resolve(passes[number], number, len(shards), state, total)

    with ThreadPoolExecutor(workers) as threads:
        _write(state, len(passes) - 1, len(shards), buckets, split, out, threads if workers > 1 else None)
    for number in range(len(passes) - 1):
        for findings in sorted(
            _resolved(state, number).glob("*.jsonl")
        ):  # what a step has to tell of documents
            shutil.copyfile(findings, out / findings.name)
    report = CurationReport.of(total)
    _check(report, split)
    for name in ("documents", "kept"):
        progress.metric(name, getattr(report, name))
    return report


# ── passes ──────────────────────────────────────────────────────────────────────────────────────────────────────

Named = tuple[str, Step]
Pass = tuple[list[Named], Named | None]  # steps a document at a time, then one over the corpus


def _passes(steps: Sequence[Step]) -> list[Pass]:
    """The steps cut behind each one over the corpus; a step that stands there twice is named by its turn."""
    passes: list[Pass] = []
    own: list[Named] = []
    seen: Counter[str] = Counter()
    for step in steps:
        seen[step.name] += 1
        named = (step.name if seen[step.name] == 1 else f"{step.name}#{seen[step.name]}", step)
        if step.per_document:
            own.append(named)
        else:
            passes.append((own, named))
            own = []
    passes.append((own, None))
    return passes


@dataclass(frozen=True, slots=True)
class _Pass:
    """One pass over one shard: what a worker gets."""

    passes: Sequence[Pass]
    number: int
    at: int
    shard: Path
    state: Path
    split: SplitSettings | None
    buckets: int
    helpers: Helpers
    augment: AugmentSettings | None


def _by_threads(
    workers: int, footers: Sequence[pq.FileMetaData], passes: Sequence[Pass], helpers: Helpers
) -> bool:
    """Whether threads are done sooner than processes, which have to start and share no cache.

    Two are, of steps that leave Python's lock alone; more would wait for it in turn, which only little to do excuses.
    """
    size = sum(one.row_group(at).total_byte_size for one in footers for at in range(one.num_row_groups))
    kinds = [STEPS[step.name] for own, corpus in passes for _, step in (*own, *([corpus] if corpus else []))]
    unlocked = all(kind.unlocked and kind.helper not in helpers for kind in kinds)
    return unlocked and (workers == 2 or size < THREADS_BYTES)


def _loaded(steps: Sequence[Step]) -> None:
    """What steps do when they first run: import, compile, make tables. Steps with a helper do it when they run."""
    curate(["悬链", "Catenary"], [step for step in steps if STEPS[step.name].helper is None])


def _done(one: _Pass) -> None:
    """What a pass makes of a shard, committed as one folder, unless that is there already."""
    folder = _folder(one.state, one.number, one.at)
    if folder.exists():
        return
    last = one.number == len(one.passes) - 1
    tally = Tally()
    with committed(folder) as part:
        if last:
            write_buckets(_finished(one, tally), part / "rows.arrow", one.buckets)
        else:
            _look(one, tally, part)
        (part / "tally.json").write_text(json.dumps(tally.as_dict()), "utf-8")
    release_unused()


def _look(one: _Pass, tally: Tally, part: Path) -> None:
    """Write the rows after this pass's own steps, and what the step over the corpus wants to know of them."""
    corpus = one.passes[one.number][1]
    assert corpus is not None
    done = list(_through(one, tally))
    with pa.ipc.new_file(part / "rows.arrow", document_schema(), options=WRITTEN) as file:
        for batch in done:
            file.write_batch(batch)
    corpus[1].corpus.look(done, corpus[1].options, part)


def _finished(one: _Pass, tally: Tally) -> pa.Table:
    """The rows after the last pass, each with its split."""
    table = pa.Table.from_batches(_through(one, tally, _goes_out), document_schema())
    table = table.append_column("split", _splits(table, one.split, tally))
    return _augmented(table, one.augment, one.helpers, tally) if one.augment else table


def _through(
    one: _Pass, tally: Tally, count: Callable[[pa.RecordBatch, Tally], None] | None = None
) -> Iterator[pa.RecordBatch]:
    """The slices of a shard after the pass's own steps."""
    for batch in _incoming(one, tally):
        for name, step in one.passes[one.number][0]:
            batch = _stepped(batch, name, step, tally, one.helpers)
        if count:
            count(batch, tally)
        yield _without_lost_texts(batch)


def _incoming(one: _Pass, tally: Tally) -> Iterator[pa.RecordBatch]:
    """The slices of a shard as they come to a pass."""
    if one.number == 0:
        for batch in slices(pq.read_table(one.shard, schema=document_schema(), use_threads=False)):
            _came_in(batch, tally)
            yield batch
    else:
        yield from slices(_after_corpus(one, tally))


def _after_corpus(one: _Pass, tally: Tally) -> pa.Table:
    """The shard as the last pass left it, with what was decided over the corpus written into it."""
    corpus = one.passes[one.number - 1][1]
    assert corpus is not None
    name, step = corpus
    rows = _folder(one.state, one.number - 1, one.at) / "rows.arrow"
    with pa.ipc.open_file(rows, options=READ) as file:
        before = file.read_all().combine_chunks().to_batches()
    if not before:
        return document_schema().empty_table()
    notes = tally.notes.setdefault(name, Counter())
    after = step.corpus.act(before[0], step.options, _resolved(one.state, one.number - 1), one.at, notes)
    tally.took(name, before[0], after)
    return pa.Table.from_batches([_without_lost_texts(after)])


def _resolve(one: Pass, number: int, shards: int, state: Path, total: Tally) -> None:
    """What becomes of each document by the step over the corpus that ends this pass."""
    if one[1] is None:
        return
    name, step = one[1]
    folder = _resolved(state, number)
    if not folder.exists():
        notes: Counter[str] = Counter()
        with committed(folder) as part:
            step.corpus.decide(
                [_folder(state, number, at) for at in range(shards)], step.options, part, notes
            )
            (part / NOTES).write_text(json.dumps(notes), "utf-8")
    total.notes.setdefault(name, Counter()).update(json.loads((folder / NOTES).read_text("utf-8")))


def _write(
    state: Path,
    number: int,
    shards: int,
    buckets: int,
    split: SplitSettings | None,
    out: Path,
    threads: ThreadPoolExecutor | None,
) -> None:
    """The dataset from the last pass's parts."""
    parts = [_folder(state, number, at) / "rows.arrow" for at in range(shards)]
    sinks = {name: SplitSink(out, name, threads=threads) for name in _split_names(split)}
    wanted = _wanted_repeats(state, number)
    trained = []
    with ParquetSink(out / INDEX_FILE, index_schema()) as index:
        for table in merged(parts, buckets):
            index.write(table)
            for name, sink in sinks.items():
                of_split = table.filter(pc.equal(table.column("split"), name))
                sink.write(of_split)
                if wanted.num_rows and name == "train":
                    trained.append(of_split.column("id"))
        for sink in sinks.values():
            sink.end()
    for sink in sinks.values():
        sink.close()
    if trained:
        ids = pa.chunked_array([chunk for column in trained for chunk in column.chunks], pa.string())
        write_repeats(out, wanted.filter(pc.is_in(wanted.column("id"), ids.combine_chunks())))


def _wanted_repeats(state: Path, passes: int) -> pa.Table:
    """What the last step that repeats documents says of them, whatever has become of them since."""
    told = [repeats_of(_resolved(state, number)) for number in range(passes)]
    return next((one for one in reversed(told) if one.num_rows), repeats_of(state))


# ── one batch ───────────────────────────────────────────────────────────────────────────────────────────────────


def _stepped(batch: pa.RecordBatch, name: str, step: Step, tally: Tally, helpers: Helpers) -> pa.RecordBatch:
    notes = tally.notes.setdefault(name, Counter())
    try:
        after = step.run(batch, notes, helpers)
    except CatenaryError:
        raise
    except Exception:  # whatever a library does on some text must not stop the others
        after = _one_at_a_time(batch, name, step, notes, helpers)
    tally.took(name, batch, after)
    return after


def _one_at_a_time(
    batch: pa.RecordBatch, name: str, step: Step, notes: Counter[str], helpers: Helpers
) -> pa.RecordBatch:
    """The batch after a step that failed on all of it: the documents that it fails on are dropped `<step>:failed`."""
    after = []
    for row in range(batch.num_rows):
        one = batch.slice(row, 1).take(pa.array([0]))
        try:
            after.append(step.run(one, notes, helpers))
        except Exception as error:
            notes[f"failed.{type(error).__name__}"] += 1
            after.append(with_dropped(one, kept_rows(one), f"{step.name}:failed"))
    return pa.Table.from_batches(after).combine_chunks().to_batches()[0]


def _stepped_over_all(
    batch: pa.RecordBatch, name: str, step: Step, tally: Tally
) -> tuple[pa.RecordBatch, dict[str, int]]:
    """(a batch that is the whole corpus after a step over it, how often documents are read, where not once)."""
    notes = tally.notes.setdefault(name, Counter())
    with TemporaryDirectory() as folder:
        shard, decided = Path(folder) / "shard", Path(folder) / "decided"
        shard.mkdir()
        decided.mkdir()
        step.corpus.look([batch], step.options, shard)
        step.corpus.decide([shard], step.options, decided, notes)
        after: pa.RecordBatch = step.corpus.act(batch, step.options, decided, 0, notes)
        repeats = {row["id"]: row["times"] for row in repeats_of(decided).to_pylist()}
    tally.took(name, batch, after)
    return after, repeats


def _came_in(batch: pa.RecordBatch, tally: Tally) -> None:
    """Count a batch as it was read, with what reading dropped."""
    nothing = batch.set_column(
        batch.schema.get_field_index("dropped"),
        batch.schema.field("dropped"),
        pa.nulls(batch.num_rows, pa.string()),
    )
    tally.documents += batch.num_rows
    tally.took("read", nothing, batch)
    _measured(batch, "before", tally)


def _goes_out(batch: pa.RecordBatch, tally: Tally) -> None:
    _measured(batch, "after", tally)
    rows = pa.array(kept_rows(batch))
    for name, counts in (("label", tally.labels), ("licence", tally.licences), ("source", tally.sources)):
        for entry in pc.value_counts(batch.column(name).take(rows)).to_pylist():
            if entry["values"] is not None:
                counts[entry["values"]] += entry["counts"]


def _measured(batch: pa.RecordBatch, when: str, tally: Tally) -> None:
    """Count the characters of the kept texts, and the texts by their lengths."""
    lengths = pc.utf8_length(batch.column("text").take(pa.array(kept_rows(batch)))).to_numpy(
        zero_copy_only=False
    )
    tally.characters[when] += int(lengths.sum())
    powers = np.frexp(lengths.astype(np.float64))[1]  # 2ⁿ⁻¹ ≤ length < 2ⁿ
    for power, count in zip(*np.unique(powers, return_counts=True), strict=True):
        tally.lengths[f"{when}:{power}"] += int(count)


def _without_lost_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Texts of dropped documents need not travel any further."""
    empty = pc.if_else(
        batch.column("dropped").is_valid(), pa.scalar("", pa.large_string()), batch.column("text")
    )
    return batch.set_column(batch.schema.get_field_index("text"), document_schema().field("text"), empty)


def slices(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """A shard in batches of some megabyte of text, each with buffers of its own."""
    sizes = np.cumsum(pc.binary_length(table.column("text")).to_numpy())
    start = 0
    while start < table.num_rows:
        so_far = int(sizes[start - 1]) if start else 0
        end = max(int(np.searchsorted(sizes, so_far + SLICE_BYTES, side="right")), start + 1)
        yield table.slice(start, end - start).combine_chunks().to_batches()[0]
        start = end


def _splits(table: pa.Table, split: SplitSettings | None, tally: Tally) -> pa.Array:
    """Each kept document's split; null for the dropped."""
    kept = table.column("dropped").combine_chunks().is_null().to_pylist()
    if split is None:
        found: list[str | None] = ["train" if one else None for one in kept]
    else:
        told = _what_is_split(table, split)
        names = [split_at(one, split) for one in told] if split.time else splits_of(told, split)
        found = [name if one else None for name, one in zip(names, kept, strict=True)]
    tally.splits.update(name for name in found if name is not None)
    return pa.array(found, pa.string())


def _augmented(table: pa.Table, settings: AugmentSettings, helpers: Helpers, tally: Tally) -> pa.Table:
    """The table with variants of what is for training; the report has them as notes of a step `augment`."""
    made = variants(table, settings, helpers.get("through"))
    tally.dropped.setdefault("augment", Counter())
    tally.notes.setdefault("augment", Counter())["variants"] += made.num_rows
    return pa.concat_tables([table, made])


def _what_is_split(table: pa.Table, split: SplitSettings) -> list[str]:
    """Each document's text, group or moment; the context of questions, so that all on one stand in one split."""
    named = split.group or split.time
    if named in ("file", "source"):
        return [
            f"{a}/{b}" for a, b in zip(*(table.column(c).to_pylist() for c in ("source", named)), strict=True)
        ]
    if named:
        key = named.removeprefix("meta.")
        told = [dict(one or ()) for one in table.column("meta").to_pylist()]
        for row, one in enumerate(told):
            if key not in one:
                raise _not_told(table, row, key, one)
        return [str(one[key]) for one in told]
    texts: list[str] = table.column("text").to_pylist()
    for row, told in enumerate(table.column("annotations").to_pylist()):
        if told is not None:
            texts[row] = json.loads(told).get("context", texts[row])
    return texts


def _not_told(table: pa.Table, row: int, key: str, meta: Mapping[str, Any]) -> InvalidInput:
    place = [table.column(name)[row].as_py() for name in ("source", "file", "offset")]
    return InvalidInput(
        "A document does not tell what the split goes by.",
        where="split",
        got="/".join(map(str, place)),
        expected="`meta.{key}`; this one tells: {names}",
        key=key,
        names=", ".join(sorted(meta)) or "-",
    )


def _split_names(split: SplitSettings | None) -> list[str]:
    if split is None:
        return ["train"]
    wanted = {"train": True, "valid": split.valid or split.valid_from, "test": split.test or split.test_from}
    return [name for name in SPLITS if wanted[name]]


def _identified(documents: Iterable[Document | str]) -> Iterator[Document]:
    """Plain texts become documents; whoever lacks an id or digest gets one."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for offset, one in enumerate(documents, 1):
        document = Document(text=one, offset=offset) if isinstance(one, str) else one
        key = (document.source, document.file, document.text)
        if not document.id:
            document = replace(document, id=document_id(*key, seen[key]))
        seen[key] += 1
        yield document if document.sha256 else replace(document, sha256=text_sha256(document.text))


# ── state ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _plan(
    shards: Sequence[Path],
    passes: Sequence[Pass],
    split: SplitSettings | None,
    augment: AugmentSettings | None,
) -> str:
    """A digest of what is to be done: state left by another plan is of no use."""
    steps: list[Any] = [
        [step.name, step.version, step.settings]
        for own, corpus in passes
        for _, step in (*own, *([corpus] if corpus else []))
    ]
    files: list[Any] = [[shard.name, shard.stat().st_size] for shard in shards]
    told = [split.model_dump() if split else None, augment.model_dump() if augment else None]
    return digest(["curate", VERSION, files, steps, *told])


def _open_state(state: Path, plan: str) -> None:
    mark = state / "plan"
    if not mark.exists() or mark.read_text("utf-8") != plan:
        shutil.rmtree(state, ignore_errors=True)
        with committed(state) as part:
            (part / "plan").write_text(plan, "utf-8")


def _folder(state: Path, number: int, at: int) -> Path:
    return state / f"pass-{number}-{at:05d}"


def _resolved(state: Path, number: int) -> Path:
    return state / f"resolved-{number}"


def _read_tally(folder: Path) -> Tally:
    return Tally.of(json.loads((folder / "tally.json").read_text("utf-8")))


def _check(report: CurationReport, split: SplitSettings | None) -> None:
    if not report.kept:
        reasons = ", ".join(f"{reason} {count}" for reason, count in report.dropped.items())
        raise InvalidInput(
            "Curation kept no document.",
            got=reasons or "no document at all",
            expected="steps that keep some: see the samples of what was dropped",
        )
    for name in _split_names(split):
        if not report.splits.get(name):
            raise InvalidInput(
                "The split `{split}` is empty.",
                got=f"{report.kept}",
                expected="more documents, or a larger share for it",
                split=name,
            )
