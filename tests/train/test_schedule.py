import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.train.schedule import rate, reductions

schedules = st.sampled_from(["linear", "cosine", "constant"])
runs = st.tuples(st.integers(1, 400), st.floats(0, 1), schedules)


@given(runs)
def test_it_rises_to_the_peak_and_never_again(run):
    steps, warmup, schedule = run
    rates = [rate(step, steps, schedule=schedule, warmup=warmup) for step in range(steps)]
    assert all(0 < one <= 1 for one in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if warmup < 1 - 1 / steps:
        assert rates[top] == 1


@given(runs)
def test_it_neither_jumps_nor_lingers(run):
    steps, warmup, schedule = run
    rates = [rate(step, steps, schedule=schedule, warmup=warmup) for step in range(steps)]
    falling = steps - round(warmup * steps)
    if falling > 1 and schedule != "constant":
        assert rates[-1] <= 2 / (falling - 1)


def test_known_values():
    assert [rate(step, 10, warmup=0.2) for step in range(3)] == [1 / 3, 2 / 3, 1.0]
    assert rate(6, 10, warmup=0.2) == 0.5
    assert rate(6, 10, warmup=0.2, schedule="cosine") == 0.5
    assert rate(9, 10, schedule="constant") == 1


def test_warm_up_stable_decay():
    rates = [rate(step, 100, schedule="wsd", warmup=0.1, decay=0.2) for step in range(100)]
    assert rates[9] < 1.0
    assert set(rates[10:81]) == {1.0}
    assert rates[81:] == sorted(rates[81:], reverse=True)
    assert rates[99] == pytest.approx(1 / 20)


def test_plateaus_are_counted_from_what_was_measured():
    assert reductions("loss", [], 2) == 0
    assert reductions("loss", [5, 4, 3, 2, 1], 2) == 0
    assert reductions("loss", [5, 5, 5], 2) == 1
    assert reductions("loss", [5, 6, 4, 6, 6, 6, 6, 3, 3, 3], 2) == 3
    assert reductions("accuracy", [0.5, 0.6, 0.6, 0.6], 2) == 1
