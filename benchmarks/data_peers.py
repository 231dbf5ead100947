"""The peers' side of `benchmarks.data`, run by their own Python: prints a line of JSON for each stage.

datatrove's filters are the rules of ours. data-juicer has no such sets: beside `repetition` stands its filter of
repeated 10-grams alone, beside `gopher` its number of words, letters and symbols, which is less work than ours.
"""

import json
import sys
import time
from pathlib import Path


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
    for side in (pages, stripped) if told["language"] == "html" else (datatrove, data_juicer):
        try:
            side(told["texts"], told["language"])
        except ImportError as error:
            print(repr(error), file=sys.stderr)
