"""A table whose rows are asked side by side."""

from __future__ import annotations

import csv
import threading
import time
from pathlib import Path

from tests.cli.conftest import Catenary
from tests.serve.upstream_server import UpstreamServer

CHAIN = """\
schema: 1
project: {{name: table, languages: [en]}}
serve:
  endpoints:
    other: {{upstream: {{urls: ["{url}"], model: other, retries: 0}}}}
"""


def test_rows_are_asked_side_by_side_and_answered_in_their_order(tmp_path: Path, catenary: Catenary) -> None:
    """One answer is held back until four are asked for; a row that fails is asked again in its place."""
    (tmp_path / "in.csv").write_text("question\n" + "".join(f"row {n}\n" for n in range(9)), "utf-8")
    seen = []
    with UpstreamServer() as there:
        (tmp_path / "catenary.yaml").write_text(CHAIN.format(url=there.url), "utf-8")
        there.next("hold", 500)

        def go_on() -> None:
            until = time.monotonic() + 120
            while len(there.asked) < 4 and time.monotonic() < until:
                time.sleep(0.02)
            seen.append(len(there.asked))
            there.go.set()

        waiting = threading.Thread(target=go_on)
        waiting.start()
        apply = ("apply", "other", "in.csv", "out.csv", "--unreleased", "--max-tokens", "2", "--json")
        told = catenary(tmp_path, *apply)
        waiting.join()
        assert seen == [4]
        assert (told.json["answered"], told.json["failed"]) == (8, 1)
        assert catenary(tmp_path, *apply).json["answered"] == 9
        assert len(there.asked) == 10
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [one["question"] for one in rows] == [f"row {n}" for n in range(9)]
    assert all(one["answer"] and one["receipt"] for one in rows)
