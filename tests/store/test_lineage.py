"""Where an artifact came from and what it went into, on any shape of a chain."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from catenary.db import writing
from catenary.store import Store
from catenary.store.catalog import add_artifact
from catenary.store.manifest import Manifest
from catenary.store.tables import artifacts, edges
from tests.store.making import make

graphs = st.integers(1, 12).flatmap(
    lambda size: st.tuples(
        *(st.sets(st.integers(0, max(node - 1, 0)), max_size=min(node, 3)) for node in range(size))
    )
)


def node_id(number: int) -> str:
    return f"{number * 7919 % 97:064x}"  # ids in another order than the making


def fill(store: Store, graph: tuple[set[int], ...]) -> None:
    with writing(store.engine) as connection:
        connection.execute(delete(edges))
        connection.execute(delete(artifacts))
        for node, inputs in enumerate(graph):
            named = {f"from_{number}": node_id(number) for number in inputs}
            add_artifact(connection, Manifest(node_id(node), "dataset", "curate", 1, {}, named, {}, {}))


def reached(graph: tuple[set[int], ...], node: int) -> set[int]:
    return set[int]().union(*({parent} | reached(graph, parent) for parent in graph[node]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs)
def test_ancestors_and_descendants_are_those_of_a_walk_by_hand(
    store: Store, graph: tuple[set[int], ...]
) -> None:
    fill(store, graph)
    number = {node_id(node): node for node in range(len(graph))}
    up = {node: reached(graph, node) for node in range(len(graph))}
    for node in up:
        above = [number[row.id] for row in store.ancestors(node_id(node))]
        below = [number[row.id] for row in store.descendants(node_id(node))]
        assert set(above) == up[node]
        assert set(below) == {other for other in up if node in up[other]}
        for order in (above, below):
            assert len(order) == len(set(order))
            for place, one in enumerate(order):
                assert not up[one] & set(order[place + 1 :]), "each stands after its inputs"


def test_edges_say_which_part_an_input_played(store: Store) -> None:
    data, tokenizer = make(store, 1), make(store, 2, kind="tokenizer")
    model = make(store, 3, kind="model", inputs={"data": data.id, "tokenizer": tokenizer.id})
    found = store.lineage(model.id, "up")
    assert {(edge.role, edge.input_id) for edge in found.edges} == {
        ("data", data.id),
        ("tokenizer", tokenizer.id),
    }
    assert [row.kind for row in found.artifacts][-1] == "model"
    assert store.lineage(data.id, "up").edges == ()


def test_a_long_line_and_a_wide_fan_are_one_query_each(store: Store) -> None:
    fill(store, tuple({node - 1} if node else set() for node in range(60)))
    assert len(store.ancestors(node_id(59))) == 59
    fill(store, ({0} - {0}, *({0} for _ in range(59))))
    assert len(store.descendants(node_id(0))) == 59
