"""A server to test against, in its own process: `python -m tests.serve.application <folder> [limit=value …]`.

It answers with the tiny classifier of tests/inference, with `slow` and `kept` (see slow_engine.py), with a writer of
the same kind, and with a tiny real one where there is one. Receipts are lines of `receipts.jsonl`, on disk.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from catenary.errors import NotFound
from catenary.serve import Limits, Receipt
from catenary.serve.admission import Admission
from catenary.serve.cache import Cache
from catenary.serve.callers import Callers
from catenary.serve.gateway import Gateway
from catenary.serve.guard import Guard
from catenary.serve.guard.rules import Injection, Keywords, PersonalData
from catenary.serve.label import Label
from catenary.serve.ledger import Ledger
from catenary.serve.local_engine import LocalEngine, command_for
from catenary.serve.metrics import Metrics
from catenary.serve.served import Served
from catenary.server import run
from catenary.store.receipts import without_texts


class ReceiptLines:
    """Receipts as lines of a file, durable when `save` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, receipts: Sequence[Receipt]) -> None:
        if any(text.text == "unsaved" for receipt in receipts for text in receipt.texts):
            raise OSError("No space left on device: /secret/path")
        with self._path.open("a") as file:
            for receipt in receipts:
                file.write(json.dumps(receipt.to_json()) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def get(self, receipt_id: str) -> dict[str, Any]:
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            receipt: dict[str, Any] = json.loads(line)
            if receipt["id"] == receipt_id:
                return receipt
        raise NotFound("There is no such receipt.")

    def forget(self, receipt_id: str) -> None:
        self.get(receipt_id)
        lines = [json.loads(line) for line in self._path.read_text().splitlines()]
        told = [without_texts(one) if one["id"] == receipt_id else one for one in lines]
        self._path.write_text("".join(json.dumps(one) + "\n" for one in told))

    def trace(self, receipt_id: str) -> dict[str, Any]:
        return {"receipt": self.get(receipt_id)["id"], "release": {"id": self.get(receipt_id)["release"]}}


def main(folder: Path, *, guarded: bool = False, **limits: Any) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    receipts = ReceiptLines(folder / "receipts.jsonl")
    slow = [sys.executable, "-m", "tests.serve.slow_engine", str(folder / "slow.log")]
    endpoints = [
        Served(
            "sentiment",
            "classify",
            LocalEngine(command_for(folder, "classify", threads=1)),
            "rel-1",
            "released",
            "d1",
            created=1_760_000_000,
        ),
        Served("slow", "classify", LocalEngine(slow), "rel-2", "unreleased", "d2", keep_texts=False),
        Served("kept", "classify", LocalEngine(slow), "rel-3", "released", "d3"),
        Served("words", "generate", LocalEngine(slow), "rel-4", "released", "d4"),
    ]
    if (folder / "writer").is_dir():
        command = command_for(folder / "writer", "generate", engine="torch", threads=1)
        endpoints.append(Served("writer", "generate", LocalEngine(command), "rel-5", "released", "d5"))
    if (folder / "vectors").is_dir():
        command = command_for(folder / "vectors", "embed", engine="torch", threads=1)
        endpoints.append(Served("vectors", "embed", LocalEngine(command), "rel-6", "released", "d6"))
    for name, task, loaded in (("translator", "translate", "generate"), ("tagger", "tag", "tag")):
        if (folder / name).is_dir():
            command = command_for(folder / name, loaded, engine="torch", threads=1)
            endpoints.append(Served(name, task, LocalEngine(command), "rel-7", "released", "d7"))  # type: ignore[arg-type]
    bounds = Limits(**limits)
    guard = Guard(
        (Injection(), PersonalData(["phone"])),
        (Keywords({"ours": ["forbidden"]}), PersonalData(["phone"])),
    )
    gateway = Gateway(
        endpoints={one.name: one for one in endpoints},
        ledger=Ledger(receipts.save),
        get_receipt=receipts.get,
        forget_receipt=receipts.forget,
        trace=receipts.trace,
        limits=bounds,
        admission=Admission(bounds),
        callers=Callers(),
        metrics=Metrics(),
        **({"guard": guard, "label": Label("ACME", "（AI 生成）"), "cache": Cache()} if guarded else {}),
    )
    run(gateway, port=0, on_listening=lambda url: print(url, flush=True))  # noqa: T201


if __name__ == "__main__":
    kinds: dict[str, Any] = {
        field.name: (float if "seconds" in field.name else int) for field in fields(Limits)
    }
    kinds["guarded"] = lambda value: value == "True"
    pairs = (argument.split("=") for argument in sys.argv[2:])
    main(Path(sys.argv[1]), **{name: kinds[name](value) for name, value in pairs})
