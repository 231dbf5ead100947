"""Answering without HTTP: what `catenary ask` does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catenary.errors import Interrupted, InvalidInput
from catenary.inference import load
from catenary.serve import Endpoint, Receipt, answer
from catenary.serve.receipts import RECEIPT_ID, new_receipt_id
from tests.inference.bag_of_words import write_folder


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    return Endpoint("sentiment", load(write_folder(tmp_path), threads=1), "rel", "unreleased", "digest")


def test_the_receipt_is_stored_before_the_answer(endpoint: Endpoint) -> None:
    stored: list[Receipt] = []
    told = answer(endpoint, ["好书", "差"], save_receipt=stored.append, app="shop")
    assert stored == [told.receipt]
    assert [scores.label for scores in told.scores] == ["positive", "negative"]
    assert [text.label for text in told.receipt.texts] == ["positive", "negative"]
    assert (told.receipt.app, told.receipt.status, told.receipt.tokens) == ("shop", "unreleased", 7)


def test_without_a_stored_receipt_there_is_no_answer(endpoint: Endpoint) -> None:
    def full(_: Receipt) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        answer(endpoint, ["好"], save_receipt=full)


def test_stopped_or_refused_work_leaves_no_receipt(endpoint: Endpoint) -> None:
    stored: list[Receipt] = []
    with pytest.raises(Interrupted):
        answer(endpoint, ["好"], save_receipt=stored.append, stop=lambda: True)
    with pytest.raises(InvalidInput):
        answer(endpoint, ["好", "  "], save_receipt=stored.append)
    with pytest.raises(InvalidInput):
        answer(endpoint, ["\udc80"], save_receipt=stored.append)
    assert stored == []


def test_a_receipt_is_plain_json(endpoint: Endpoint) -> None:
    stored: list[Receipt] = []
    answer(endpoint, ["好"], save_receipt=stored.append)
    told = stored[0].to_json()
    assert json.loads(json.dumps(told)) == told


def test_receipt_ids_are_of_one_form_and_never_alike() -> None:
    ids = [new_receipt_id() for _ in range(1000)]
    assert all(RECEIPT_ID.fullmatch(name) for name in ids)
    assert len(set(ids)) == len(ids)
