"""Two releases of a real chain, told apart on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Catenary, ids


def test_two_releases_side_by_side(catenary: Catenary, copy: Path) -> None:
    override = ("--set", "releases.kind.quantise=none")
    before = ids(catenary, copy)["releases.kind"]
    assert catenary(copy, "run", *override).code == 0
    found = catenary(copy, "diff", before[:12], "kind", *override, "--json").json
    assert found["before"] == before
    assert [change["name"] for change in found["settings"]] == ["release: quantise"]
    assert found["documents"]["added"] == found["documents"]["removed"] == 0
    assert found["documents"]["before"] > 200
    [accuracy] = [score for score in found["scores"] if score["name"] == "quality.kind.accuracy"]
    assert accuracy["difference"] == 0
    sizes = {change["name"]: change for change in found["sizes"]}
    assert sizes["model.onnx"]["after"] > sizes["model.onnx"]["before"]
    said = catenary(copy, "diff", before[:12], "kind", *override)
    assert said.code == 0
    for part in ("quantise", "int8", "quality.kind.accuracy", "model.onnx", "agrees on", before[:12]):
        assert part in said.out, part


def test_what_cannot_be_compared(catenary: Catenary, made: Path) -> None:
    assert "same release" in catenary(made, "diff", "kind", "releases.kind").out
    assert catenary(made, "diff", "kind", "no-such-release").code in (2, 3)
    model = ids(catenary, made)["models.kind"]
    said = catenary(made, "diff", "kind", model[:12])
    assert said.code == 2
    assert "no release" in said.err
