"""What the record says against what the loop was given, batch by batch."""

from collections import defaultdict
from itertools import islice

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catenary.errors import Interrupted
from catenary.train.batches import Batches, TokenRows
from catenary.train.exposures import steps_with, write_exposures
from catenary.train.loop import fit
from catenary.train.packed import Packed
from catenary.train.run import seen_after

from .cases import interrupt
from .test_loop import At
from .test_packed import stream
from .toy import Toy, ToyObjective, data, settings


def padded(ids):
    """Long documents in several rows, some repeated (oversampled), dealt by tokens."""
    owners = [number for number, row in enumerate(ids) for _ in range(1 + number % 3)]
    return Batches(TokenRows.of([ids[owner] for owner in owners], owners), 0, batch_tokens=20, seed=3)


lengths = st.lists(st.integers(1, 12), min_size=1, max_size=15)


@given(lengths, st.booleans(), st.integers(1, 12))
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_document_of_every_step_is_told(tmp_path, lengths, packs, steps):
    batches = Packed(stream(lengths), 5, 9) if packs else padded([[1] * length for length in lengths])
    expected, seen = defaultdict(list), ""
    for number, batch in zip(range(1, steps + 1), batches.from_step(0), strict=False):
        seen = seen_after(seen, batch.documents)
        for document in dict.fromkeys(batch.documents.tolist()):
            expected[document].append(number)
    write_exposures(tmp_path, batches, steps, seen)
    for document in range(len(lengths) + 1):
        assert steps_with(tmp_path, document) == (expected[document], steps)


def test_a_resumed_run_has_the_record_of_the_whole(tmp_path):
    chosen = settings(epochs=3)
    batches = data(chosen)
    with pytest.raises(Interrupted):
        fit(Toy(), batches, ToyObjective(), chosen, state=tmp_path, progress=At(20, interrupt))
    told = fit(Toy(), batches, ToyObjective(), chosen, state=tmp_path)
    assert told.resumed_from == 20
    write_exposures(tmp_path, batches, told.steps, told.seen)
    assert all(len(steps_with(tmp_path, document)[0]) == 3 for document in range(100))
    with pytest.raises(AssertionError):
        write_exposures(tmp_path, data(settings(seed=1)), told.steps, told.seen)


def test_the_record_is_small(tmp_path):
    random = np.random.default_rng(0)
    packed = Packed(stream(random.integers(5, 40, 3000).tolist()), 64, 512)
    steps, seen = 4 * packed.steps_in_pass, ""
    for documents in islice(packed.documents_from(0), steps):
        seen = seen_after(seen, documents)
    path = write_exposures(tmp_path, packed, steps, seen)
    assert path.stat().st_size < 2.5 * 4 * 3000
