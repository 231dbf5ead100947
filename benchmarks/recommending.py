"""Recommending beside the most popular: `python -m benchmarks.recommending Packages` (a Debian `Packages` file).

An item is a package that at least ten others depend on, its text its name and description; a history is what one
package depends on. Of every held-out history one item is hidden, and looked for among the first ten. No history of
the same source package is kept: packages of one source depend on nearly the same.
"""

from __future__ import annotations

import hashlib
import math
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from catenary.apps.recommend import Recommender, RecommendRules
from catenary.search import SearchIndex, build_search

AT = 10
HELD_OUT = 300
FEWEST = 10


def recommending(packages: Path) -> None:
    """Print recall@10 and nDCG@10 of the held-out items: popularity, content, histories, both."""
    texts, histories, sources = read(packages)
    rows = [
        {"id": name, "source": "debian", "file": name, "offset": 1, "licence": "", "text": f"{name}\n{text}"}
        for name, text in texts.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index").mkdir()
        build_search([pa.RecordBatch.from_pylist(rows)], Path(folder) / "index")
        index = SearchIndex.open(Path(folder) / "index")
        one_of_each = {sources[name]: name for name in sorted(histories, key=_hash)}
        apart = sorted(one_of_each, key=_hash)[:HELD_OUT]
        held = [one_of_each[source] for source in apart]
        kept = [history for name, history in histories.items() if sources[name] not in set(apart)]
        print(f"{len(texts)} items, {len(kept)} histories, {len(held)} held out")
        both, content = Recommender(index, kept), Recommender(index)
        rules = RecommendRules(AT)
        tell: dict[str, Callable[[Sequence[str]], list[str]]] = {
            "popularity": lambda had: both.popular(had, AT),
            "content": lambda had: [one.name for one in content.best(had, "", rules)],
            "content and histories": lambda had: [one.name for one in both.best(had, "", rules)],
        }
        for name, best in tell.items():
            ranks = [_rank(best, histories[one]) for one in held]
            recall = sum(rank is not None for rank in ranks) / len(ranks)
            gain = sum(1 / math.log2(rank + 2) for rank in ranks if rank is not None) / len(ranks)
            print(f"| {name} | {recall:.3f} | {gain:.3f} |")


def read(packages: Path) -> tuple[dict[str, str], dict[str, list[str]], dict[str, str]]:
    """(item → description, package → the items that it depends on, of those with at least three, package → source)."""
    described: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    for block in packages.read_text("utf-8").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Source|Description|Depends): (.*)$", block, re.MULTILINE))
        if name := fields.get("Package"):
            described[name] = fields.get("Description", "")
            sources[name] = fields.get("Source", name).split(" ")[0]
            found = (re.split(r"[ |(:]", one.strip())[0] for one in fields.get("Depends", "").split(","))
            needs[name] = [one for one in dict.fromkeys(found) if one]
    wanted = Counter(one for history in needs.values() for one in history)
    items = {name: described[name] for name, count in wanted.items() if count >= FEWEST and name in described}
    histories = {name: [one for one in history if one in items] for name, history in needs.items()}
    return items, {name: history for name, history in histories.items() if len(history) >= 3}, sources


def _rank(best: Callable[[Sequence[str]], list[str]], history: Sequence[str]) -> int | None:
    hidden = min(history, key=_hash)
    told = best([one for one in history if one != hidden])
    return told.index(hidden) if hidden in told else None


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


if __name__ == "__main__":
    recommending(Path(sys.argv[1]))
