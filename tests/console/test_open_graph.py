"""The graph that the console keeps open: as its file is now, and not for longer than somebody looks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from catenary.console.open_graph import OpenGraph
from catenary.errors import NotFound
from tests.search.test_knowledge import DOCUMENTS, made


def test_a_graph_is_read_once_and_again_when_its_file_changed(tmp_path: Path) -> None:
    _, folder = made(tmp_path / "one", DOCUMENTS)
    _, other = made(tmp_path / "two", {"raid": "# Arrays\n\nRAID is a hope.\n"})
    graph = OpenGraph()
    first = graph.at(folder)
    assert graph.at(folder) is first
    (folder / "facts.nq").write_bytes((other / "facts.nq").read_bytes())
    assert [one.object for one in graph.at(folder).stated("RAID") if one.relation == "is"] == ["a hope"]


def test_a_graph_that_nobody_looks_at_is_forgotten(tmp_path: Path) -> None:
    _, folder = made(tmp_path / "one", DOCUMENTS)
    graph = OpenGraph(kept_seconds=0.05)
    graph.at(folder)
    until = time.monotonic() + 30
    while graph.kept is not None and time.monotonic() < until:
        time.sleep(0.02)
    assert graph.kept is None
    assert graph.at(folder).names(1)


def test_a_graph_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        OpenGraph().at(tmp_path)
