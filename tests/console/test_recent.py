"""What the playground keeps in memory: for the session that asked, for minutes, and not past an erasure."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Mapping

import pytest

from catenary.console import service
from catenary.console.service import Recent, Said


class Text(dict[str, str]):
    """A body that can be looked after."""


def said(body: Mapping[str, str]) -> Said:
    return Said("notes", "classify", [], body)


def test_an_answer_is_its_sessions_alone() -> None:
    recent = Recent(lambda: 0)
    recent.put("ann", "rcpt_1", said({}), 0)
    assert recent.get("ann", "rcpt_1") is not None
    assert recent.get("ben", "rcpt_1") is None


def test_an_erasure_reaches_answers_that_nobody_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.05)
    erased, body = 0, Text(text="of the erased document")
    recent = Recent(lambda: erased)
    recent.put("ann", "rcpt_1", said(body), 0)
    held = weakref.ref(body)
    del body
    erased = 1
    patience = time.monotonic() + 60
    while held() is not None:
        assert time.monotonic() < patience
        gc.collect()
        time.sleep(0.05)
    recent.put("ann", "rcpt_2", said({}), 1)  # asked since
    recent.put("ann", "rcpt_3", said({}), 0)  # asked before, answered since
    assert recent.get("ann", "rcpt_2") is not None
    assert recent.get("ann", "rcpt_3") is None


def test_an_answer_goes_in_time_whether_anybody_looks_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(service, "KEPT_SECONDS", 0.1)
    body = Text()
    recent = Recent(lambda: 0)
    recent.put("ann", "rcpt_1", said(body), 0)
    held = weakref.ref(body)
    del body
    patience = time.monotonic() + 60
    while held() is not None:
        assert time.monotonic() < patience
        gc.collect()
        time.sleep(0.05)
