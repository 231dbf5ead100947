"""The peers' side of `benchmarks.data`, run by their own Python: prints a line of JSON for each stage.

datatrove's filters are the rules of ours. data-juicer has no such sets: beside `repetition` stands its filter of
repeated 10-grams alone, beside `gopher` its number of words, letters and symbols, which is less work than ours.

Whole chains run as their authors have them run, from lines of JSON or a dataset, by one process and by two: the rate is
that of most of the documents, told from a run over few and a run over all, so that starting costs them nothing.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

FEW = 0.1  # of the documents


def datatrove(texts: list, language: str) -> None:
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.pipeline.formatters import PIIFormatter

    code = {"en": "eng", "zh": "zho"}[language]
    steps = {
        "gopher": lambda: GopherQualityFilter(language=code).filter,
        "repetition": lambda: GopherRepetitionFilter(language=code).filter,
        "fineweb": lambda: FineWebQualityFilter(language=code).filter,
        "c4": lambda: C4QualityFilter(language=code).filter,
        "personal data": lambda: lambda one: PII.format(one.text),
    }
    PII = PIIFormatter()
    for stage, make in steps.items():
        measure("datatrove", stage, texts, make, lambda text: Document(text=text, id="0"))


def data_juicer(texts: list, language: str) -> None:
    from data_juicer.ops import load_ops

    steps = {
        "repetition": [{"word_repetition_filter": {"lang": language, "tokenization": False}}],
        "gopher": [
            {"words_num_filter": {"lang": language, "tokenization": False}},
            {"alphanumeric_filter": {"tokenization": False}},
            {"special_characters_filter": {}},
        ],
    }
    for stage, config in steps.items():

        def make(config: list = config) -> object:
            ops = load_ops(config)

            def run(sample: dict) -> bool:
                batch = {"text": [sample["text"]], "__dj__stats__": [{}]}
                kept = [all(op.process_batched(op.compute_stats_batched(batch))) for op in ops]
                return all(kept)

            return run

        measure("data-juicer", stage, texts, make, lambda text: {"text": text})


def datatrove_chain(texts: list, language: str) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    code = {"en": "eng", "zh": "zho"}[language]

    def run(part: list, workers: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            (place / "in").mkdir()
            for worker in range(workers):
                lines = [
                    json.dumps({"text": text, "id": str(at)}) for at, text in enumerate(part[worker::workers])
                ]
                (place / "in" / f"{worker}.jsonl").write_text("\n".join(lines), "utf-8")
            LocalPipelineExecutor(
                pipeline=[
                    JsonlReader(str(place / "in")),
                    GopherQualityFilter(language=code),
                    GopherRepetitionFilter(language=code),
                    PIIFormatter(),
                    JsonlWriter(str(place / "out"), compression=None),
                ],
                tasks=workers,
                workers=workers,
                logging_dir=str(place / "logs"),
            ).run()

    chains("datatrove", texts, run)


def data_juicer_chain(texts: list, language: str) -> None:
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops import load_ops

    def run(part: list, workers: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            shared = {"num_proc": workers, "work_dir": folder}
            ops = load_ops(
                [
                    {"words_num_filter": {"lang": language, "tokenization": False, **shared}},
                    {"alphanumeric_filter": {"tokenization": False, **shared}},
                    {"special_characters_filter": shared},
                    {"word_repetition_filter": {"lang": language, "tokenization": False, **shared}},
                    {"clean_email_mapper": shared},
                    {"clean_ip_mapper": shared},
                ]
            )
            NestedDataset.from_list([{"text": text} for text in part]).process(ops)

    chains("data-juicer", texts, run)


def chains(peer: str, texts: list, run: object) -> None:
    few = texts[: max(2, int(FEW * len(texts)))]
    size = sum(len(text.encode()) for text in texts[len(few) :]) / 1e6
    for workers in (1, 2):
        try:
            took = []
            for part in (few, few, texts):  # the first to warm up
                began = time.perf_counter()
                run(part, workers)
                took.append(time.perf_counter() - began)
            rate = size / (took[2] - took[1])
            print(json.dumps({"peer": peer, "stage": f"chain by {workers}", "rate": rate}), flush=True)
        except Exception as error:
            print(f"{peer} chain by {workers}: {error!r}", file=sys.stderr)


def datatrove_near(texts: list, language: str) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    code = {"en": "eng", "zh": "zho"}[language]
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)

    def run(part: list) -> list:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            (place / "in").mkdir()
            lines = [json.dumps({"text": text, "id": str(at)}) for at, text in enumerate(part)]
            (place / "in" / "0.jsonl").write_text("\n".join(lines), "utf-8")
            read = JsonlReader(str(place / "in"))
            signatures, buckets, found = (str(place / name) for name in ("signatures", "buckets", "found"))
            for number, (pipeline, tasks) in enumerate(
                (
                    ([read, MinhashDedupSignature(signatures, config=config, language=code)], 1),
                    ([MinhashDedupBuckets(signatures, buckets, config=config)], 14),
                    ([MinhashDedupCluster(buckets, found, config=config)], 1),
                    (
                        [
                            read,
                            MinhashDedupFilter(found),
                            JsonlWriter(str(place / "out"), compression=None),
                        ],
                        1,
                    ),
                )
            ):
                LocalPipelineExecutor(
                    pipeline=pipeline, tasks=tasks, workers=1, logging_dir=str(place / f"logs-{number}")
                ).run()
            told = [path.read_text("utf-8") for path in (place / "out").glob("*.jsonl")]
            return sorted(int(json.loads(line)["id"]) for one in told for line in one.splitlines())

    near("datatrove", texts, run)


def data_juicer_near(texts: list, language: str) -> None:
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops import load_ops

    units = {"en": "space", "zh": "character"}[language]
    settings = {"tokenization": units, "window_size": 5, "jaccard_threshold": 0.8}

    def run(part: list) -> list:
        ops = load_ops([{"document_minhash_deduplicator": settings}])
        rows = [{"text": text, "at": at} for at, text in enumerate(part)]
        return sorted(row["at"] for row in NestedDataset.from_list(rows).process(ops))

    near("data-juicer", texts, run)


def near(peer: str, texts: list, run: object) -> None:
    try:
        run(texts[:20])
        began = time.perf_counter()
        kept = run(texts)
        rate = sum(len(text.encode()) for text in texts) / 1e6 / (time.perf_counter() - began)
        print(json.dumps({"peer": peer, "stage": "near duplicates", "rate": rate, "kept": kept}), flush=True)
    except Exception as error:
        print(f"{peer} near duplicates: {error!r}", file=sys.stderr)


def datatrove_personal(texts: list, language: str) -> None:
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()
    told = [formatter.format(text) for text in texts]
    print(json.dumps({"peer": "datatrove", "stage": "personal", "texts": told}), flush=True)


def data_juicer_personal(texts: list, language: str) -> None:
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops import load_ops

    ops = load_ops([{"clean_email_mapper": {}}, {"clean_ip_mapper": {}}, {"pii_redaction_mapper": {}}])
    told = NestedDataset.from_list([{"text": text} for text in texts]).process(ops)
    told = [row["text"] for row in told]
    print(json.dumps({"peer": "data-juicer", "stage": "personal", "texts": told}), flush=True)


def measure(peer: str, stage: str, texts: list, make: object, document: object) -> None:
    try:
        run = make()
        run(document(texts[0]))
        began, held = time.perf_counter(), 0
        for text in texts:
            run(document(text))
            held += len(text.encode())
            if time.perf_counter() - began > 8:
                break
        rate = held / 1e6 / (time.perf_counter() - began)
        print(json.dumps({"peer": peer, "stage": stage, "rate": rate}), flush=True)
    except Exception as error:
        print(f"{peer} {stage}: {error!r}", file=sys.stderr)


def pages(texts: list, language: str) -> None:
    """Main text of HTML pages: datatrove's way is trafilatura; data-juicer strips tags."""
    from datatrove.pipeline.extractors import Trafilatura

    extractor = Trafilatura()
    measure("datatrove", "html", texts, lambda: extractor.extract, lambda text: text)


def stripped(texts: list, language: str) -> None:
    from data_juicer.ops import load_ops

    [op] = load_ops([{"clean_html_mapper": {}}])
    measure("data-juicer", "html", texts, lambda: op.process_batched, lambda text: {"text": [text]})


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    sides = {
        "html": (pages, stripped),
        "near": (datatrove_near, data_juicer_near),
        "personal": (datatrove_personal, data_juicer_personal),
    }.get(told["language"], (datatrove, data_juicer, datatrove_chain, data_juicer_chain))
    for side in sides:
        try:
            side(told["texts"], told.get("of", told["language"]))
        except ImportError as error:
            print(repr(error), file=sys.stderr)
