"""Which of a brief's constraints a written text holds, beside a frame around the brief itself.

python measure_write.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from told import Row, head, line, share, table

from catenary.apps.rubric import length, numbers

FORMS = {"email": 80, "product": 60, "article": 120}
WITHIN = 0.25
RUN = 4  # words in a row
HAN = re.compile(r"[\u4e00-\u9fff]")
SUBJECT = re.compile(r"^\W*(subject|主题)\W*[:：]", re.IGNORECASE)
GREETING = re.compile(
    r"^\W*(dear|hello|hi|good (morning|day|afternoon)|尊敬的|亲爱的|您好|你好)\b|[^\n]*[:：]$", re.I
)
CLOSE = re.compile(
    r"(regards|sincerely|yours|best wishes|thank you|thanks|cheers|此致|敬礼|祝好|谢谢)[^\n]*$", re.I
)
CHECKS = ("length", "said", "nothing invented", "language", "form", "own words")


def main() -> None:
    head("text by", "texts", *CHECKS, "all")
    ways: Mapping[str, Callable[[str, Row], str]] = {
        "the brief in a frame (control)": framed,
        "135M": lambda _, row: row["answer"],
    }
    for language in ("en", "zh"):
        rows = [
            (form, row)
            for form in FORMS
            for row in table(f"out/{form}.csv")
            if chinese(row["text"]) == (language == "zh")
        ]
        for name, write in ways.items():
            held = [checked(form, row, write(form, row)) for form, row in rows]
            cells = [share([one[check] for one in held]) for check in CHECKS]
            line(f"{name}, {language}", len(rows), *cells, share([all(one.values()) for one in held]))


def framed(form: str, row: Row) -> str:
    text, first = row["text"], row["text"].split()[0]
    if form == "email":
        begin, end = ("您好：", "此致敬礼") if chinese(text) else ("Hello,", "Kind regards")
        return f"Subject: {first}\n\n{begin}\n\n{text}\n\n{end}"
    return f"{first}\n\n{text}\n\n{text}" if form == "article" else text


def checked(form: str, row: Row, said: str) -> dict[str, bool]:
    brief, wanted = row["text"], FORMS[form]
    lower = said.lower()
    return {
        "length": abs(length(said) - wanted) <= WITHIN * wanted,
        "said": all(
            any(stands(way, lower) for way in one.lower().split("|")) for one in json.loads(row["say"])
        ),
        "nothing invented": figures(said) <= figures(brief),
        "language": chinese(said) == chinese(brief),
        "form": formed(form, said.strip()),
        "own words": not runs(said) or len(runs(said) & runs(brief)) <= len(runs(brief)) / 2,
    }


def stands(word: str, text: str) -> bool:
    return (
        word in text
        if HAN.search(word)
        else re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text) is not None
    )


def figures(text: str) -> set[str]:
    """The figures from ten on: those below count paragraphs, people and days."""
    return {f"{value.normalize():f}" for _, value in numbers(text) if abs(value) >= 10}


def formed(form: str, said: str) -> bool:
    """An e-mail has subject, greeting and close; an article a title and two paragraphs; a product's text no title."""
    parts = [one.strip() for one in re.split(r"\n+", said) if one.strip()]
    if form == "email":
        greeted = any(GREETING.search(one) for one in parts[1:4])
        return bool(SUBJECT.search(said)) and greeted and any(CLOSE.search(one) for one in parts[-3:])
    if form == "article":
        return len(parts) >= 3 and length(parts[0]) <= 20
    return len(parts) >= 1 and not SUBJECT.search(said)


def runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", text.lower())
    return {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}


def chinese(text: str) -> bool:
    return len(HAN.findall(text)) > len(re.findall(r"[A-Za-z]+", text))


if __name__ == "__main__":
    main()
