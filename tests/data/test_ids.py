from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from catenary.data.ids import FileIds
from catenary.digest import text_sha256
from catenary.records import document_id


@given(
    st.text(),
    st.text(),
    st.lists(
        st.lists(st.sampled_from(["a", "b", "悬", "链", ""]) | st.text(max_size=3), max_size=30), max_size=8
    ),
)
def test_ids_in_batches_are_those_of_the_records_one_by_one(
    source: str, file: str, batches: list[list[str]]
) -> None:
    ids = FileIds(source, file)
    seen: Counter[str] = Counter()
    for batch in batches:
        expected = []
        for text in batch:
            expected.append(document_id(source, file, text, seen[text]))
            seen[text] += 1
        assert ids.ids([text_sha256(text) for text in batch]) == expected


def test_runs_of_the_counter_stay_few() -> None:
    ids = FileIds("s", "f")
    for start in range(0, 4000, 10):
        ids.ids([text_sha256(str(number)) for number in range(start, start + 10)])
    assert len(ids._runs) < 12
    assert sum(len(keys) for keys, _ in ids._runs) == 4000
