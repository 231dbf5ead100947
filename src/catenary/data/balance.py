"""Balance: how large a share of the dataset each label, source, licence or language has.

    - balance: {by: label}                                  # as many of each
    - balance: {by: source, weights: {wiki: 2, forum: 1}}   # shares 2 : 1
    - balance: {by: source, temperature: 0.5}               # shares as the square roots of the sizes

Documents go at random, by a hash of their id and the seed, as `balance:surplus`. As many stay as the shares allow: the
group that is scarcest against its share stays whole. `at_most` bounds each group too. A temperature of 1 leaves the
sizes as they are, 0 makes them equal (A. Conneau et al., XLM-R, 2020, §3.1).

    - balance: {by: source, repeat: 4}                      # training reads documents of scarce groups up to four times

With `repeat` less goes. A document stands in the dataset once, whatever happens; `repeats.py` says how often it is
read. All of a group are read as often, give or take once, and no group more often than makes up its share.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped
from catenary.data.language import languages_of
from catenary.data.repeats import SCHEMA, write_repeats
from catenary.data.step_settings import BalanceSettings
from catenary.digest import digest
from catenary.errors import InvalidInput

NONE = ""  # the group of documents without a label


def look(batches: Sequence[pa.RecordBatch], settings: BalanceSettings, folder: Path) -> None:
    """Writes each kept document's row, group and lot."""
    rows, groups, lots, names = [], [], [], []
    done = 0
    for batch in batches:
        mine = kept_rows(batch)
        rows += (mine + done).tolist()
        groups += _groups(batch, mine, settings)
        ids = batch.column("id").take(pa.array(mine)).to_pylist()
        names += ids
        lots += [int(digest(["balance", settings.seed, one])[:15], 16) for one in ids]
        done += batch.num_rows
    table = pa.table(
        {
            "row": pa.array(rows, pa.int64()),
            "group": pa.array(groups, pa.string()).dictionary_encode(),
            "lot": pa.array(lots, pa.int64()),
            "id": pa.array(names if settings.repeat > 1 else [None] * len(rows), pa.string()),
        }
    )
    with pa.ipc.new_file(folder / "groups.arrow", table.schema) as file:
        file.write_table(table)


def decide(folders: Sequence[Path], settings: BalanceSettings, folder: Path, notes: Counter[str]) -> None:
    """Writes the highest lot of each group that stays, and who is read several times.

    Notes `kept.<group>`, and `read_again.<group>`: how often its documents are read beyond once.
    """
    lots: dict[str, list[np.ndarray]] = {}
    for one in folders:
        table = _table(one)
        codes = table.column("group").combine_chunks()
        for number, group in enumerate(codes.dictionary.to_pylist()):
            mine = codes.indices.to_numpy(zero_copy_only=False) == number
            lots.setdefault(group, []).append(table.column("lot").to_numpy()[mine])
    sizes = {group: sum(map(len, parts)) for group, parts in sorted(lots.items())}
    bounds = {}
    rounds: dict[
        str, tuple[int, int]
    ] = {}  # how often all of a group are read, and up to which lot once more
    for group, quota in quotas(sizes, settings).items():
        kept = min(quota, sizes[group])
        notes[f"kept.{group or '-'}"] += kept
        ordered = np.sort(np.concatenate(lots[group]))
        bounds[group] = int(ordered[kept - 1]) if kept else -1
        if quota > kept:
            whole, more = divmod(quota, kept)
            rounds[group] = (whole, int(ordered[more - 1]) if more else -1)
            notes[f"read_again.{group or '-'}"] += quota - kept
    if rounds:
        write_repeats(folder, _repeats(folders, rounds))
    (folder / "bounds.json").write_text(json.dumps(bounds), "utf-8")
    for number, one in enumerate(folders):
        (folder / f"{number:05d}.arrow").write_bytes((one / "groups.arrow").read_bytes())


def act(
    batch: pa.RecordBatch, settings: BalanceSettings, folder: Path, at: int, notes: Counter[str]
) -> pa.RecordBatch:
    """The batch without its surplus."""
    bounds = json.loads((folder / "bounds.json").read_text("utf-8"))
    with pa.ipc.open_file(folder / f"{at:05d}.arrow") as file:
        table = file.read_all()
    limits = np.array([bounds[group] for group in table.column("group").to_pylist()], dtype=np.int64)
    return with_dropped(
        batch, table.column("row").to_numpy()[table.column("lot").to_numpy() > limits], "balance:surplus"
    )


def quotas(sizes: dict[str, int], settings: BalanceSettings) -> dict[str, int]:
    """How many documents of each group are read, repeats too. Raises InvalidInput for weights of no group."""
    if settings.weights is not None:
        missing = sorted(set(settings.weights) - set(sizes))
        if missing:
            raise InvalidInput(
                "A weight is given to a group that has no document.",
                got=", ".join(missing),
                expected="one of: {names}",
                where="steps.balance.weights",
                names=", ".join(sizes),
            )
        shares = {group: float(settings.weights.get(group, 0.0)) for group in sizes}
    else:
        shares = {group: float(size) ** settings.temperature for group, size in sizes.items()}
    scales = [size / shares[group] for group, size in sizes.items() if shares[group] > 0]
    scale = min(settings.repeat * min(scales), max(scales)) if scales else 0.0
    most = (
        settings.at_most if settings.at_most is not None else settings.repeat * max(sizes.values(), default=0)
    )
    return {
        group: min(int(scale * shares[group] + 1e-6), settings.repeat * size, most)
        for group, size in sizes.items()
    }


def _repeats(folders: Sequence[Path], rounds: dict[str, tuple[int, int]]) -> pa.Table:
    """The documents of these groups that are read more than once, in the order of ids."""
    tables = [SCHEMA.empty_table()]
    for one in folders:
        table = _table(one)
        codes = table.column("group").combine_chunks()
        lots = table.column("lot").to_numpy()
        times = np.ones(len(lots), dtype=np.int64)
        for number, group in enumerate(codes.dictionary.to_pylist()):
            if group in rounds:
                whole, bound = rounds[group]
                mine = codes.indices.to_numpy(zero_copy_only=False) == number
                times[mine] = whole + (lots[mine] <= bound)
        told = pa.table({"id": table.column("id"), "times": times}).filter(pa.array(times > 1))
        tables.append(told.cast(SCHEMA))
    return pa.concat_tables(tables).sort_by("id")


def _groups(batch: pa.RecordBatch, rows: np.ndarray, settings: BalanceSettings) -> list[str]:
    if settings.by == "language":
        return languages_of(texts_at(batch, rows))
    return [one or NONE for one in batch.column(settings.by).take(pa.array(rows)).to_pylist()]


def _table(folder: Path) -> pa.Table:
    with pa.ipc.open_file(folder / "groups.arrow") as file:
        return file.read_all()
