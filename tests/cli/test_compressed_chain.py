"""A model is pruned, trained back and released at the smallest precision that is as good, in a chain of real stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Catenary, ids
from tests.stages.mail import OFFER

THIN = """\
  thin: {prune: kind, neurons: 0.5, from: mail}
  small: {init: thin, task: classify, from: mail, epochs: 1, learning_rate: 0.01}
"""
CHOSEN = """\
  small:
    from: small
    choose: smallest within 5 %
    formats: [onnx]
    gates: [{parity: 0.5}, {licences: [MIT, CC0-1.0]}]
    sign_off: [compliance]
"""


@pytest.mark.slow
def test_pruned_trained_back_and_chosen(catenary: Catenary, copy: Path) -> None:
    file = copy / "catenary.yaml"
    text = file.read_text("utf-8")
    text = text.replace("\nevaluations:\n", f"{THIN}\nevaluations:\n").replace(
        "\nserve:\n", f"{CHOSEN}\nserve:\n"
    )
    text = text.replace("{kind: {release: kind}}", "{kind: {release: kind}, small: {release: small}}")
    file.write_text(text, "utf-8")
    assert catenary(copy, "run").code == 0
    made = ids(catenary, copy)
    whole, thin = (catenary(copy, "show", made[f"models.{name}"], "--json").json for name in ("kind", "thin"))
    assert thin["inputs"]["prune"] == made["models.kind"]

    def weights(shown: dict[str, dict[str, dict[str, int]]]) -> int:
        return shown["files"]["model.safetensors"]["bytes"]

    assert weights(thin) < weights(whole)
    release = catenary(copy, "show", "releases.small", "--json").json
    rows = release["report"]["exports"]
    chosen = release["report"]["headline"]["precision"]
    assert len({row["precision"] for row in rows}) >= 2
    [taken] = [row for row in rows if row["precision"] == chosen]
    as_good = [row for row in rows if row["within_interval"] and row["difference"][0] >= -0.05]
    assert taken["bytes"] <= min(row["bytes"] for row in as_good)
    assert catenary(copy, "sign", "releases.small", "--as", "compliance").code == 0
    assert catenary(copy, "ask", "small", OFFER).code == 0
    tree = catenary(copy, "trace", "releases.small").out
    for name in ("models.small", "models.thin", "models.kind", "models.base", "mail.csv"):
        assert name in tree
