"""Models over an index's passages: one that reads them again, and one that writes from them; measured, and asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.inference.writers import write_writer
from tests.notes import NOTES, made_notes
from tests.serve.chains import serving, store_of

CHAIN = (
    NOTES.replace(
        "datasets:\n",
        "  pairs: {path: pairs.jsonl, label: label, licence: CC0-1.0}\ndatasets:\n"
        "  pairs: {from: [pairs], steps: [normalise]}\n",
    ).replace(
        "indexes:\n",
        """\
tokenizers:
  zh: {from: notes, kind: char, vocab_size: 300}
models:
  base: {family: bert, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64,
         objective: mlm, from: notes, tokenizer: zh, steps: 2, batch_size: 4}
  smol: {path: writer, licence: MIT}
  cross: {init: base, task: classify, from: pairs, steps: 2, batch_size: 4, mlm_weight: 0.0}
indexes:
""",
    )
    + """\
evaluations:
  again: {index: notes, questions: questions.jsonl, rerank: cross}
  written: {index: notes, questions: questions.jsonl, writer: smol, passages: 2}
serve:
  endpoints:
    cross: {model: cross}
apps:
  notes: {kind: documents, index: notes, rerank: cross, rerank_best: 3}
"""
)
QUESTION = "How many degrees should the water have?"
ASKED = {"question": QUESTION, "language": "en", "evidence": ["93 degrees"]}


@pytest.mark.slow
def test_passages_are_read_again_and_written_from_and_the_receipt_names_the_model(tmp_path: Path) -> None:
    pairs = [
        {"text": f"water {at}", "text_pair": f"The water is warm {at}.", "label": label}
        for at, label in enumerate(["relevant", "other"] * 8)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in pairs), "utf-8")
    (tmp_path / "questions.jsonl").write_text(json.dumps(ASKED) + "\n", "utf-8")
    write_writer(tmp_path / "writer", max_position_embeddings=2048)
    made_notes(tmp_path, CHAIN)
    with store_of(tmp_path) as store:
        links = store.links("notes")
        report = store.get(links["evaluations.again"].artifact_id).manifest.report
        model = links["models.cross"].artifact_id
        written = store.get(links["evaluations.written"].artifact_id).manifest
    assert {"index", "reranked", "overlap"} <= report["metrics"].keys()
    assert report["metrics"]["reranked"]["recall_at_5"]["value"] == 1.0
    assert report["seconds_p95_reranked"] > 0
    # Random weights write nothing that a passage says; what they wrote is shown.
    assert written.report["metrics"]["writer"].keys() == {"faithful", "answered", "right"}
    assert written.report["metrics"]["writer"]["faithful"]["value"] == 0.0
    assert any(name.startswith("en/writer/") for name in written.files)
    with serving(tmp_path) as service, service.http() as http:
        body = {"model": "app/notes", "messages": [{"role": "user", "content": QUESTION}]}
        told = http.post("/v1/chat/completions", json=body).raise_for_status().json()
        made = http.get(f"/v1/receipts/{told['receipt']['id']}").raise_for_status().json()["made"]
    assert made["models"] == {"cross": model}
    assert all("relevance" in one for one in made["retrieved"])
