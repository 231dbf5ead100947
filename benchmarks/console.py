"""The console at size: `python -m benchmarks.console [folder]` makes a chain of 200 links over 10,000 documents with
1,000 runs, and says of each page what the server takes, when a browser paints first, and what moves meanwhile.

What is made is kept in `folder` where one is given, and used again. The links are run for real; the runs before them,
with their curves, and the answers are entered into the catalog as runs and the gateway would have entered them.
"""

from __future__ import annotations

import csv
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import yaml
from sqlalchemy import insert
from tests.console.conftest import running
from tests.serve.browser import Browser, browsers
from tests.stages.mail import command, environment

from catenary.config import Home
from catenary.store import Metric, Receipt, Store
from catenary.store.tables import runs

SOURCES, DOCUMENTS = 20, 500  # of each
LINEAR, NEURAL = 90, 5
RUNS, POINTS = 1000, 60  # points of each curve
ANSWERS = 1000
ALLOWED_SECONDS = 1.0  # to the first paint
LOOKS = 5  # the median of so many
PAGES = (
    "/",
    "/runs",
    "/runs/300",
    "/links/datasets.d0",
    "/links/models.tuned0",
    "/links/evaluations.e0",
    "/compare?run=300&run=301",
    "/data",
    "/data/d0?q=golden",
    "/evaluations",
    "/releases",
    "/releases/RELEASE",
    "/trace/RELEASE",
    "/answers",
    "/usage",
    "/people",
    "/audit",
    "/start",
)
SUBJECTS = {
    "order": ("parcel", "invoice", "courier", "address", "delivery", "refund", "basket", "voucher"),
    "garden": ("rose", "hedge", "compost", "pruning", "meadow", "seedling", "watering", "shade"),
}
WORDS = (
    "golden",
    "late",
    "early",
    "small",
    "green",
    "broken",
    "new",
    "old",
    "quiet",
    "heavy",
    "spare",
    "second",
)
PAINTED = """
const done = arguments[0]; let shift = 0;
new PerformanceObserver(list => list.getEntries().forEach(one => shift += one.value))
  .observe({type: 'layout-shift', buffered: true});
const look = () => {
  const [first] = performance.getEntriesByName('first-contentful-paint');
  if (!first) return setTimeout(look, 50);
  setTimeout(() => done([first.startTime, shift]), 300);
};
look();
"""


def chain() -> dict[str, Any]:
    """200 links: sources, a dataset of each, tokenizers, models, evaluations, releases."""
    tiny = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
        "epochs": 1,
    }
    models: dict[str, Any] = {
        f"linear{at}": {
            "family": "linear",
            "task": "classify",
            "from": f"d{at % SOURCES}",
            "C": 0.5 + at / 10,
        }
        for at in range(LINEAR)
    }
    for at in range(NEURAL):
        models[f"base{at}"] = {"family": "bert", "from": f"d{at}", "tokenizer": f"words{at}", **tiny}
        models[f"tuned{at}"] = {"init": f"base{at}", "task": "classify", "from": f"d{at}", "epochs": 1}
    judged = [*(f"tuned{at}" for at in range(NEURAL)), *(f"linear{at}" for at in range(2 * SOURCES - NEURAL))]
    return {
        "schema": 1,
        "project": {"name": "many", "languages": ["en"], "description": "A chain of 200 links."},
        "sources": {
            f"s{at}": {"path": f"s{at}.csv", "format": "csv", "text": "body", "label": "class", "licence": "MIT"}
            for at in range(SOURCES)
        },
        "datasets": {
            f"d{at}": {"from": [f"s{at}"], "steps": ["normalise", {"dedup": {}}], "split": {"valid": 0.1, "test": 0.2}}
            for at in range(SOURCES)
        },
        "tokenizers": {f"words{at}": {"from": f"d{at}", "kind": "bpe", "vocab_size": 300} for at in range(2 * NEURAL)},
        "models": models,
        "evaluations": {
            f"e{at}": {
                "of": [name, f"linear{at + 40}"],
                "on": f"d{at % SOURCES}.test",
                "metrics": ["accuracy", "f1", "confusion"],
            }
            for at, name in enumerate(judged)
        },
        "releases": {
            f"r{at}": {
                "from": f"tuned{at % NEURAL}",
                "quantise": ("none", "bf16")[at // NEURAL],
                "formats": ["safetensors"],
                "gates": [{"metric": f"e{at % NEURAL}.tuned{at % NEURAL}.accuracy", "at_least": 0.3}],
                "sign_off": ["data_engineer", "compliance"],
            }
            for at in range(2 * NEURAL)
        },
        "serve": {"endpoints": {f"ask{at}": {"release": f"r{at}"} for at in range(2 * NEURAL)}},
    }  # fmt: skip


def write(folder: Path) -> None:
    """The chain file and its documents."""
    lots = random.Random(5)
    for at in range(SOURCES):
        with (folder / f"s{at}.csv").open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(("body", "class"))
            for number in range(DOCUMENTS):
                label = ("order", "garden")[number % 2]
                words = lots.choices(WORDS, k=12) + lots.choices(SUBJECTS[label], k=5)
                lots.shuffle(words)
                lines.writerow((f"{' '.join(words)}, number {number} of {at}.", label))
    (folder / "catenary.yaml").write_text(yaml.safe_dump(chain(), sort_keys=False))


def enter(store: Store) -> None:
    """Earlier runs with their curves, and answers."""
    links = list(store.links("many").values())
    at = datetime.now(UTC) - timedelta(days=30)
    before = RUNS - len(store.runs(chain="many"))
    rows = [
        {
            "chain": "many",
            "link": one.link,
            "stage": one.link.partition(".")[0],
            "artifact_id": one.artifact_id,
            "host": "here",
            "pid": 1,
            "started_at": at + timedelta(minutes=number),
            "ended_at": at + timedelta(minutes=number, seconds=9),
            "seconds": 9.0,
            "outcome": ("done", "failed", "interrupted")[number % 3],
        }
        for number in range(before)
        for one in (links[number % len(links)],)
    ]
    with store.writing() as connection:
        connection.execute(insert(runs), rows)
    for run in store.runs(chain="many"):
        if run.link.startswith("models.") and run.host == "here":
            curve = [(step, math.exp(-step / POINTS) + run.id / RUNS) for step in range(POINTS)]
            store.add_metrics(run.id, [Metric("train_loss", value, step) for step, value in curve])
    release = next(one.artifact_id for one in links if one.link.startswith("endpoints."))
    made = [
        Receipt(
            f"rcpt_{number:032x}",
            at + timedelta(minutes=number),
            f"ask{number % 2 * NEURAL}",
            None,
            release,
            True,
            None,
            {
                "texts": [{"text": f"a late parcel {number}", "label": "order", "sha256": "0" * 64}],
                "seconds": 0.1,
            },
        )
        for number in range(ANSWERS)
    ]
    store.add_receipts(made)


def make(folder: Path) -> None:
    """The chain, run, with its past; nothing where it is there."""
    if (folder / "made").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    write(folder)
    subprocess.run(command("run"), cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)
    with Store.open(Home.of(folder, {})) as store:
        enter(store)
    (folder / "made").touch()
    print(f"made in {time.perf_counter() - began:.0f} s")


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    told = call()
    return time.perf_counter() - began, told


def looked_at(browser: Browser, url: str) -> tuple[float, float]:
    """Seconds to the first paint with something in it, and how much moved."""
    browser.open(url)
    milliseconds, shift = browser.run_async(PAINTED)
    return milliseconds / 1000, shift


def figures(folder: Path) -> None:
    """Every page as a line."""
    release = next((folder / ".catenary/objects/release").iterdir()).name
    print(f"{'page':24} {'first s':>8} {'server s':>9} {'KB':>6} {'paint s':>8} {'slowest':>8} {'moved':>6}")
    slowest = 0.0
    with running(folder) as console, console.client() as client, browsers(1) as [browser]:
        browser.resize(1280, 900)
        browser.open("about:blank")
        for page in PAGES:
            address = page.replace("RELEASE", release)

            def fetch(address: str = address) -> httpx.Response:
                return client.get(address).raise_for_status()

            first, answer = timed(fetch)
            server = median(timed(fetch)[0] for _ in range(LOOKS))
            looks = [looked_at(browser, console.url + address) for _ in range(LOOKS)]
            paints = [paint for paint, _ in looks]
            slowest = max(slowest, median(paints))
            print(
                f"{page:24} {first:8.3f} {server:9.3f} {len(answer.content) / 1000:6.0f} {median(paints):8.3f} "
                f"{max(paints):8.3f} {max(shift for _, shift in looks):6.3f}"
            )
    print(
        f"slowest first paint (median): {slowest:.3f} s, {slowest / ALLOWED_SECONDS:.0%} of what is allowed"
    )


def main() -> None:
    if sys.argv[1:]:
        folder = Path(sys.argv[1]).resolve()
        make(folder)
        figures(folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        make(Path(temporary))
        figures(Path(temporary))


if __name__ == "__main__":
    main()
