"""The documents' words in both languages, and Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Literal

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")
Cell = str | int | float

ZH: dict[str, str] = json.loads(
    files("catenary.govern.documents").joinpath("words.zh.json").read_text("utf-8")
)


def word(text: str, lang: Lang) -> str:
    """`text` in the language; itself where it has no other."""
    return ZH.get(text, text) if lang == "zh" else text


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> list[str]:
    """Lines of a Markdown table."""
    return [
        "| " + " | ".join(head) + " |",
        "| " + " | ".join("---" for _ in head) + " |",
        *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows),
        "",
    ]


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    text = f"{value:,}" if isinstance(value, int) else value
    return text.replace("|", "\\|").replace("\n", " ")
