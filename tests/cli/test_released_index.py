"""An index of passages that people sign: an application over it is served as released, and traced to who signed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from catenary.chain.spec import load
from catenary.config import Home
from catenary.errors import Damaged, Refused
from catenary.serve.engine import WriteJob
from catenary.serve.errors import ApiError
from catenary.server import gateway
from catenary.stages import STAGES
from catenary.store import Store
from tests.cli.conftest import Catenary
from tests.notes import NOTES, QUESTION, TEA

CHAIN = (
    NOTES
    + """\
evaluations:
  asked: {index: notes, questions: questions.jsonl}
releases:
  notes:
    index: notes
    gates:
      - {metric: asked.index.recall_at_5, at_least: 0.9}
      - {metric: asked.index.refused, at_least: 0.9}
      - {licences: [CC0-1.0]}
      - {personal_data: 0}
    sign_off: [data_engineer, compliance]
apps:
  notes: {kind: documents, index: notes}
"""
)
QUESTIONS = [
    {"question": QUESTION, "language": "zh", "evidence": ["八十度"]},
    {"question": "How do I repair a bicycle?", "language": "en", "evidence": []},
]


def notes(folder: Path, chain: str = CHAIN, text: str = TEA) -> Path:
    (folder / "notes").mkdir()
    (folder / "notes/tea.md").write_text(text, "utf-8")
    lines = [json.dumps(one, ensure_ascii=False) for one in QUESTIONS]
    (folder / "questions.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / "catenary.yaml").write_text(chain, "utf-8")
    return folder


def signed(folder: Path, catenary: Catenary) -> Path:
    notes(folder)
    assert catenary(folder, "run").code == 0
    assert catenary(folder, "sign", "notes", "--as", "data_engineer", "--as", "compliance").code == 0
    return folder


def test_a_signed_index_is_quoted_as_released_and_traced_to_who_signed(
    tmp_path: Path, catenary: Catenary
) -> None:
    notes(tmp_path)
    assert "catenary run" in catenary(tmp_path, "ask", "notes", QUESTION).err
    assert catenary(tmp_path, "run").code == 0
    refused = catenary(tmp_path, "ask", "notes", QUESTION)
    assert "nobody has signed" in refused.err
    assert "catenary sign notes --as compliance" in refused.err
    assert catenary(tmp_path, "sign", "notes", "--as", "data_engineer", "--as", "compliance").code == 0

    told = catenary(tmp_path, "ask", "notes", QUESTION, "--json").json
    assert told["status"] == "released"
    shown = catenary(tmp_path, "show", "releases.notes", "--json").json
    assert told["release"] == shown["id"]
    tree = catenary(tmp_path, "trace", told["id"]).flat
    for part in (
        "released: all gates passed",
        "as compliance",
        "asked.index.recall_at_5 = 1.0000",
        "tea.md",
        "CC0-1.0",
    ):
        assert part in tree
    assert "UNRELEASED" not in tree
    assert catenary(tmp_path, "verify").code == 0

    assert catenary(tmp_path, "documents", "notes", "--to", str(tmp_path / "dossier")).code == 0
    cards = sorted((tmp_path / "dossier").iterdir())
    assert [one.name for one in cards] == ["data-card.en.md", "data-card.zh.md"]
    assert "CC0-1.0" in cards[0].read_text("utf-8")
    assert "no model" in catenary(tmp_path, "generate", "releases.notes", "x").err


def test_what_is_served_ends_with_the_release(tmp_path: Path, catenary: Catenary) -> None:
    """A withdrawal is followed by the next answer; a changed file is not loaded."""
    folder = signed(tmp_path, catenary)
    chain = load(folder / "catenary.yaml", STAGES)
    with Store.open(Home.of(folder, {})) as store:
        engine = gateway(chain, store).endpoints["app/notes"].engine

        async def ask() -> str:
            job = WriteJob(prompts=([{"role": "user", "content": QUESTION}],), settings={"max_tokens": 64})
            return "".join([getattr(piece, "text", "") async for piece in engine.write(job)])

        assert "八十度" in asyncio.run(ask())
        path = next((folder / ".catenary/objects/index").glob("*/passages.arrow"))
        kept, mode = path.read_bytes(), path.stat().st_mode
        path.parent.chmod(0o755)
        path.chmod(0o644)
        path.write_bytes(kept.replace("八十度".encode(), "二十度".encode()))
        with pytest.raises(Damaged, match="not what was signed"):
            gateway(chain, store)
        path.write_bytes(kept)
        path.chmod(mode)
        assert catenary(folder, "move", "notes", "withdrawn", "--why", "a wrong licence").code == 0
        with pytest.raises(ApiError, match="withdrawn"):
            asyncio.run(ask())
        with pytest.raises(Refused, match="nobody has signed"):
            gateway(chain, store)


def test_a_gate_keeps_an_index_from_being_signed(tmp_path: Path, catenary: Catenary) -> None:
    """Of personal data in what may be quoted, in every split."""
    folder = notes(tmp_path, text=f"{TEA}\n有问题请打 13812345678，找李经理。\n")
    catenary(folder, "run")
    refused = catenary(folder, "sign", "notes", "--as", "compliance")
    assert "1 pieces of personal data left" in refused.err
    assert catenary(folder, "ask", "notes", QUESTION).code != 0
    assert "八十度" in catenary(folder, "ask", "notes", QUESTION, "--unreleased").out


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("{licences: [CC0-1.0]}", "{parity: 0.9}", "judge models"),
        ("asked.index.refused", "asked.index.accuracy", "was not measured"),
        ("asked: {index: notes", "asked: {index: other", "something else than the index"),
        ("apps:\n", "serve: {endpoints: {one: {release: notes}}}\napps:\n", "an endpoint answers by a model"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, catenary: Catenary, before: str, after: str, told: str) -> None:
    chain = CHAIN.replace(
        "evaluations:\n", "  other: {kind: passages, from: notes, size: 500}\nevaluations:\n"
    )
    folder = notes(tmp_path, chain.replace(before, after))
    refused = catenary(folder, "check")
    if "serve:" in after:
        assert catenary(folder, "run").code == 0
        refused = catenary(folder, "serve", "--unreleased")
    assert refused.code != 0
    assert told in refused.err
