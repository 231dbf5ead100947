import threading
import time

import pytest

from catenary.train.ahead import ahead


def test_items_come_in_order_and_are_made_beforehand():
    made = []

    def items():
        for number in range(5):
            made.append(number)
            yield number

    with ahead(items(), depth=2) as ready:
        first = next(ready)
        until = time.monotonic() + 30
        while len(made) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert made == [0, 1, 2, 3]  # two wait, one more is in hand
        assert [first, *ready] == [0, 1, 2, 3, 4]


def test_what_is_raised_while_making_is_raised_where_it_was_due():
    def items():
        yield 1
        raise ValueError("no more")

    with ahead(items()) as ready:
        assert next(ready) == 1
        with pytest.raises(ValueError, match="no more"):
            next(ready)


def test_leaving_early_ends_the_thread():
    def makers():
        return [thread for thread in threading.enumerate() if thread.name == "batches"]

    with ahead(iter(range(10**9))) as ready:
        next(ready)
        assert makers()
    assert not makers()
