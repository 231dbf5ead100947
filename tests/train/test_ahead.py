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
        time.sleep(0.3)
        assert made == [0, 1, 2, 3]
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
    before = threading.active_count()
    with ahead(iter(range(10**9))) as ready:
        next(ready)
    assert threading.active_count() == before
