"""The table of `docs/models.md`, from the families themselves.

python -m tests.models.families_table   # writes it anew
"""

from __future__ import annotations

from pathlib import Path

from catenary.models import FAMILIES
from catenary.models.config import TransformerConfig
from catenary.models.gguf import ARCHITECTURES

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
START, END = "<!-- families: made by tests/models/families_table.py -->\n", "<!-- families end -->\n"
ORDER = ("mlm", "mlm+nsp", "clm", "seq2seq", "classify", "tag", "span", "embed")


def attention(config: TransformerConfig) -> str:
    grouped = "grouped-query" if config.kind == "decoder" and config.position == "rotary" else "multi-head"
    extras = [
        "query–key norm" if config.qk_norm else "",
        "window" if config.sliding_window or config.family.startswith("qwen") else "",
        "cross" if config.kind == "encoder-decoder" else "",
    ]
    return ", ".join([grouped, *filter(None, extras)])


def table() -> str:
    lines = [
        "| family | shape | positions | norm | attention | feed-forward | heads | GGUF | paper |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, family in FAMILIES.items():
        config = family.configure()
        feed_forward = (
            f"{'gated ' if config.gated else ''}{config.activation.replace('gelu_tanh', 'gelu (tanh)')}"
        )
        heads = " ".join(f"`{head}`" for head in ORDER if head in family.heads)
        gguf = "in" if any(one.family == name for one in ARCHITECTURES.values()) else ""
        cells = [
            f"`{name}`",
            config.kind.replace("-", "–"),
            config.position,
            f"{config.norm}, {config.norm_at}",
            attention(config),
            feed_forward,
            heads,
            gguf,
            family.paper,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page_with_table(page: str) -> str:
    before, rest = page.split(START)
    return before + START + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text("utf-8")), "utf-8")
