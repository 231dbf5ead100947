"""How many of the risks in clauses.jsonl the rules find, beside a control that knows each risk by one word.

python examples/report/measure.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from catenary.apps.clauses import risks
from catenary.evaluate.intervals import wilson

WORDS = {
    "liability excluded": ("liable", "责任"),
    "unlimited liability": ("unlimited", "无限"),
    "one-sided termination": ("terminate", "解除"),
    "indemnity": ("indemnify", "赔偿"),
    "automatic renewal": ("renew", "续"),
    "penalty": ("penalty", "违约金"),
    "exclusivity": ("exclusive", "独家"),
    "change without consent": ("modify", "修改"),
    "forum fixed": ("jurisdiction", "仲裁"),
}
"""The control: one word a risk and language."""


def main() -> None:
    """Print the table."""
    for file in ("clauses.jsonl", "held_out.jsonl"):
        measure(file)


def measure(file: str) -> None:
    """One file's rows of the table."""
    lines = (Path(__file__).parent / file).read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for name, find in (
        ("rules", lambda text: {one.rule.en for one in risks(text)}),
        (
            "words",
            lambda text: {risk for risk, words in WORDS.items() if any(word in text for word in words)},
        ),
    ):
        found = wanted = right = 0
        for row in rows:
            told, gold = find(row["text"]), set(row["risks"])
            found, wanted, right = found + len(told), wanted + len(gold), right + len(told & gold)
        told = ", ".join(
            f"{what} {part}/{of} [{one.low:.2f}, {one.high:.2f}]"
            for what, part, of in (("recall", right, wanted), ("precision", right, found))
            for one in [wilson(part, of)]
        )
        sys.stdout.write(f"{file}, {name}: {told}\n")


if __name__ == "__main__":
    main()
