"""Every answer leads to its sources and every document to all that was made from it, as a walk by hand finds them."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from benchmarks.lineage import World, build, enter, nodes

from catenary.chain.trace import Node, trace
from catenary.config import Home
from catenary.errors import InvalidInput
from catenary.store import Store
from tests.store.postgres import new_database

DATABASES = ("sqlite", "postgresql")
# Ten thousand artifacts, a million documents and ten thousand answers take half an hour.
FULL = bool(os.environ.get("CATENARY_FULL_SIZE"))


@contextmanager
def opened(path: Path, database: str, world: World) -> Iterator[Store]:
    """A new catalog of a world that `build` wrote into `path`."""
    if database == "sqlite":
        catalog = path / f"catalog-{secrets.token_hex(4)}.db"
        with Store.open(Home(path, f"sqlite:///{catalog}")) as store:
            enter(store, world)
            yield store
    else:
        with new_database() as url, Store.open(Home(path, url)) as store:
            enter(store, world)
            yield store


def reached(start: str, goes_to: dict[str, list[str]]) -> set[str]:
    """A walk by hand: all that can be reached, the start included."""
    found, ahead = set[str](), [start]
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += goes_to.get(one, ())
    return found


def of_kind(tree: Node, *kinds: str) -> set[str]:
    return {node.id for node in nodes(tree) if node.kind in kinds}


ARTIFACTS = ("collection", "dataset", "tokenizer", "model", "evaluation", "release")


def compare(store: Store, world: World, *, answers: int, documents: int) -> None:
    lots = random.Random(5)
    inputs = {id: list(found.values()) for id, found in world.inputs().items()}
    above: dict[str, set[str]] = {}
    for receipt in lots.sample(sorted(world.answers), answers):
        release = world.answers[receipt]
        if release not in above:
            above[release] = reached(release, inputs)
        tree = trace(store, receipt)
        assert of_kind(tree, *ARTIFACTS) == above[release]
        assert of_kind(tree, "file") == {file for id in above[release] for file in world.files_of.get(id, ())}
    below: dict[str, set[str]] = {}
    endpoints = {one.id: number for number, one in enumerate(world.manifests) if one.kind == "release"}
    for document in lots.sample(world.documents, documents):
        holders = world.holders(document)
        expected = set(holders)
        for holder, kept in holders.items():
            if kept and holder != world.collection_of[document]:
                if holder not in below:
                    below[holder] = reached(holder, world.made)
                expected |= below[holder]
        tree = trace(store, f"doc:{document}", down=True)
        assert of_kind(tree, *ARTIFACTS) == expected
        named = {node.title for node in nodes(tree) if node.kind == "endpoint"}
        assert named == {f"world: {endpoints[id]}" for id in expected if id in endpoints}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    path = tmp_path_factory.mktemp("small") / ".catenary"
    return path, build(path, artifacts=150, documents=2000)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    path = tmp_path_factory.mktemp("large") / ".catenary"
    return path, build(path, artifacts=10_000, documents=1_000_000)


@pytest.mark.parametrize("database", DATABASES)
def test_a_few_of_each(small: tuple[Path, World], database: str) -> None:
    path, world = small
    with opened(path, database, world) as store:
        compare(store, world, answers=15, documents=30)


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_many_answers_and_documents(tmp_path: Path, database: str) -> None:
    path = tmp_path / ".catenary"
    world = build(path, artifacts=1000 if FULL else 300, documents=20_000)
    lots = random.Random(3)
    releases = sorted(set(world.answers.values()))
    world.answers = {f"rcpt_{number:032x}": lots.choice(releases) for number in range(10_000)}
    with opened(path, database, world) as store:
        compare(store, world, answers=10_000 if FULL else 300, documents=1000 if FULL else 100)


@pytest.mark.slow
@pytest.mark.skipif(not FULL, reason="CATENARY_FULL_SIZE=1 asks for it")
@pytest.mark.parametrize("database", DATABASES)
def test_ten_thousand_artifacts_over_a_million_documents(large: tuple[Path, World], database: str) -> None:
    path, world = large
    with opened(path, database, world) as store:
        compare(store, world, answers=200, documents=200)


def test_the_first_digits_of_an_id_are_enough_where_they_are_its_own(small: tuple[Path, World]) -> None:
    path, world = small
    with opened(path, "sqlite", world) as store:
        document = world.documents[7]
        whole, cut = (
            trace(store, f"doc:{document}", down=True),
            trace(store, f"doc:{document[:9]}", down=True),
        )
        assert cut == whole
        assert cut.id == document
        with pytest.raises(InvalidInput, match="more digits"):
            trace(store, f"doc:{document[:5]}")
