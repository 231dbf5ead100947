from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.evaluate.estimate import Estimate
from catenary.evaluate.pictures import _ticks, confusion_picture, curves_picture, intervals_picture

SVG = "{http://www.w3.org/2000/svg}"
names = st.text(max_size=30)


def parsed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"}:
                assert math.isfinite(float(value))
    return root


@given(st.dictionaries(names, st.lists(st.integers(0, 10**6), min_size=6, max_size=6), max_size=6), names)
def test_a_confusion_matrix_shows_each_count(rows: dict[str, list[int]], title: str) -> None:
    labels = list(rows)
    confusion = [row[: len(labels)] for row in rows.values()]
    root = parsed(confusion_picture(labels, confusion, title=title, lang="en"))
    shown = [element.text for element in root.iter(f"{SVG}text")]
    for row in confusion:
        for count in row:
            assert f"{count:,}" in shown


points = st.tuples(st.floats(0, 1e7), st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf))


@given(st.dictionaries(names, st.lists(points, max_size=12), max_size=8))
def test_curves_stay_on_the_page(series: dict[str, list[tuple[float, float]]]) -> None:
    root = parsed(curves_picture(series, title="Training", x_label="step", y_label="loss", lang="en"))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for line in root.iter(f"{SVG}polyline"):
        for x, y in (map(float, point.split(",")) for point in line.get("points", "").split()):
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    svg = curves_picture(
        {"loss": [(i, 10 - i / 1000) for i in range(10_000)]}, title="t", x_label="x", y_label="y"
    )
    (line,) = parsed(svg).iter(f"{SVG}polyline")
    assert len(line.get("points", "").split()) == 600
    assert "10.00" in svg


@given(st.dictionaries(names, st.tuples(st.floats(0, 1), st.floats(0, 0.5)), max_size=6))
def test_intervals_are_drawn(rows: dict[str, tuple[float, float]]) -> None:
    parsed(
        intervals_picture({k: Estimate(v, v - r, v + r, 10) for k, (v, r) in rows.items()}, title="accuracy")
    )


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low: float, width: float) -> None:
    ticks = _ticks(low, low + width)
    assert 1 <= len(ticks) <= 8
    assert ticks == sorted(ticks)
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in ticks)


def test_equal_input_gives_equal_bytes() -> None:
    arguments = (["a", "b"], [[1, 2], [3, 4]])
    assert confusion_picture(*arguments, title="x") == confusion_picture(*arguments, title="x")
    assert "prefers-color-scheme:dark" in confusion_picture(*arguments, title="x")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", 'a"b', "a&b", "悬链"])
def test_names_are_only_text(text: str) -> None:
    root = parsed(confusion_picture([text, "b"], [[1, 2], [3, 4]], title=text))
    assert root[0].text == text
    assert not list(root.iter("script"))
