from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from catenary.data.codepoints import codepoints, texts_of


@given(st.lists(st.text()), st.integers(0, 3))
def test_a_column_comes_back_from_its_code_points(texts: list[str], skipped: int) -> None:
    column = pa.array(texts, pa.large_string()).slice(skipped)
    points = codepoints(column)
    assert points.starts.tolist()[-1] == sum(map(len, texts[skipped:]))
    assert texts_of(points).to_pylist() == texts[skipped:]


@given(st.lists(st.text()))
def test_counts_are_by_text(texts: list[str]) -> None:
    points = codepoints(pa.array(texts, pa.large_string()))
    assert points.counts(points.values == ord("0")).tolist() == [text.count("0") for text in texts]
    digits = points.filtered(np.isin(points.values, [ord(char) for char in "0123456789"]))
    expected = ["".join(char for char in text if char in "0123456789") for text in texts]
    assert texts_of(digits).to_pylist() == expected
