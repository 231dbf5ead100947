"""A folder of two notes and the chain that indexes them; tests add the sections they are about."""

from __future__ import annotations

from pathlib import Path

from tests.stages.mail import catenary

NOTES = """\
schema: 1
project: {name: notes, languages: [zh, en]}
sources:
  notes: {path: notes, licence: CC0-1.0}
datasets:
  notes: {from: [notes]}
indexes:
  notes: {kind: passages, from: notes}
"""
TEA = "# 茶\n\n绿茶用八十度的水冲泡，三分钟即可。\n\n## 保存\n\n茶叶要密封，放在阴凉处保存。\n"
COFFEE = "# Coffee\n\nGrind the beans just before brewing. The water should have 93 degrees.\n"
QUESTION = "绿茶要用多少度的水？"


def made_notes(folder: Path, chain: str, tea: str = TEA) -> Path:
    """The folder, with the notes and a chain over them that has run."""
    (folder / "notes").mkdir()
    (folder / "notes/tea.md").write_text(tea, "utf-8")
    (folder / "notes/coffee.md").write_text(COFFEE, "utf-8")
    (folder / "catenary.yaml").write_text(chain, "utf-8")
    catenary(folder, "run").check_returncode()
    return folder
