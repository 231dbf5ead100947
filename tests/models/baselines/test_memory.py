"""The memory gives what was written for the nearest source, before and after it was saved."""

from pathlib import Path

import numpy as np
import pytest

from catenary.errors import Damaged, InvalidInput
from catenary.models.baselines import Memory, fit_memory

SOURCES = ["Close the window.", "Open the file.", "Click the third icon.", "Open the file again."]
TARGETS = ["关闭窗口。", "打开文件。", "点击第三个图标。", "再次打开文件。"]


def test_the_nearest_source_answers(tmp_path: Path) -> None:
    memory = fit_memory(SOURCES, TARGETS)
    memory.save(tmp_path)
    for one in (memory, Memory.load(tmp_path)):
        assert one.answer(SOURCES) == TARGETS
        assert one.answer(["close windows", "third icons"]) == ["关闭窗口。", "点击第三个图标。"]
        places, scores = one.nearest(["Open the file.", "zzz qqq"])
        assert places[0] == 1
        assert scores == pytest.approx([1.0, 0.0])


def test_a_question_is_not_answered_by_what_it_is_not_to_find() -> None:
    memory = fit_memory(SOURCES, TARGETS)
    own = [np.asarray([place]) for place in range(len(SOURCES))]
    places, scores = memory.nearest(SOURCES, but=own)
    assert all(place != number for number, place in enumerate(places))
    assert (places[1], places[3]) == (3, 1)
    assert max(scores) < 1
    assert memory.nearest(SOURCES[:1], but=[np.arange(len(SOURCES))])[1] == [-1.0]


def test_chinese_is_remembered_by_its_characters() -> None:
    memory = fit_memory(["今天天气怎么样", "你叫什么名字"], ["很好", "小链"], "characters")
    assert memory.answer(["天气好吗", "名字是什么"]) == ["很好", "小链"]


def test_what_is_no_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        fit_memory([], [])
    with pytest.raises(Damaged):
        Memory.load(tmp_path)
