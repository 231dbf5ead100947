"""A server to test against, in its own process: `python -m tests.serve.application <folder> [limit=value …]`.

It answers with the tiny model of tests/inference and with `slow`, a classifier that takes 50 ms a text, hears
a stop in between, and takes "crash" as its cue to fail. Receipts are lines of `receipts.jsonl`, on disk.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from catenary.errors import NotFound
from catenary.inference import Scores, Stop, load, never
from catenary.inference.port import go_on
from catenary.serve import Endpoint, Limits, Receipt
from catenary.server import Service, run


class SlowClassifier:
    """Behind the real port, as a large model would be: slow, and stoppable."""

    labels = ("yes", "no")

    def __init__(self, log: Path) -> None:
        self._log = log
        log.touch()

    def classify(self, texts: Sequence[str], *, stop: Stop = never) -> list[Scores]:
        told = []
        for text in texts:
            try:
                go_on(stop)
            except Exception:
                self._note("stopped")
                raise
            if text == "crash":
                raise RuntimeError("secret inner words")
            if text == "lost":
                raise NotFound("A file is gone.", where="/secret/path")
            time.sleep(0.05)
            told.append(Scores({"yes": 0.75, "no": 0.25}, tokens=len(text), truncated=False))
        self._note("done")
        return told

    def _note(self, event: str) -> None:
        with self._log.open("a") as file:
            file.write(event + "\n")


class ReceiptLines:
    """Receipts as lines of a file, durable when `save` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, receipt: Receipt) -> None:
        if receipt.texts[0].text == "unsaved":
            raise OSError("No space left on device: /secret/path")
        with self._path.open("a") as file:
            file.write(json.dumps(receipt.to_json()) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def get(self, receipt_id: str) -> dict[str, Any]:
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            receipt: dict[str, Any] = json.loads(line)
            if receipt["id"] == receipt_id:
                return receipt
        raise NotFound("There is no such receipt.")

    def trace(self, receipt_id: str) -> dict[str, Any]:
        return {"receipt": self.get(receipt_id)["id"], "release": {"id": self.get(receipt_id)["release"]}}


def main(folder: Path, **limits: Any) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    receipts = ReceiptLines(folder / "receipts.jsonl")
    endpoints = [
        Endpoint("sentiment", load(folder, threads=1), "rel-1", "released", "d1", created=1_760_000_000),
        Endpoint("slow", SlowClassifier(folder / "slow.log"), "rel-2", "unreleased", "d2", keep_texts=False),
        Endpoint("kept", SlowClassifier(folder / "slow.log"), "rel-3", "released", "d3"),
    ]
    service = Service({e.name: e for e in endpoints}, receipts.save, receipts.get, receipts.trace)
    run(service, port=0, limits=Limits(**limits), on_listening=lambda url: print(url, flush=True))  # noqa: T201


if __name__ == "__main__":
    kinds = {field.name: (float if "seconds" in field.name else int) for field in fields(Limits)}
    pairs = (argument.split("=") for argument in sys.argv[2:])
    main(Path(sys.argv[1]), **{name: kinds[name](value) for name, value in pairs})
