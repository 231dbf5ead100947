import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.train.report import thinned

losses = st.lists(st.floats(0, 10), max_size=500)


@given(losses, st.integers(1, 60))
def test_a_thinned_curve_covers_every_step_once(losses, points):
    curve = thinned(losses, points)
    assert len(curve) == min(points, len(losses))
    ends = [0, *(int(end) for end, _ in curve)]
    assert ends[-1] == len(losses)
    for start, end, (_, mean) in zip(ends, ends[1:], curve, strict=False):
        assert mean == pytest.approx(sum(losses[start:end]) / (end - start), abs=1e-9)
