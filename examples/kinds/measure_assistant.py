"""Whether customers get the known answer that fits, a person where they ask for one, and nothing where there is none.

python measure_assistant.py
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml
from told import Row, head, line, share, table

from catenary.search.terms import question_terms

PERSON = re.compile(r"\b(person|human|agent)\b|人工|真人", re.IGNORECASE)
HANDED = re.compile(r"^(A person takes over|现在由人工接手)")


def main() -> None:
    faq = yaml.safe_load(Path("catenary.yaml").read_text("utf-8"))["apps"]["shop"]["faq"]
    rows = table("out/shop.csv")
    head(
        "answered by",
        "known, right",
        "known, another's answer",
        "without an answer, refused",
        "asked for a person, handed over",
    )
    ways: dict[str, Callable[[Row], str]] = {
        "most words in common, one at least (control)": lambda row: nearest(row["text"], faq),
        "shop": lambda row: route(row["answer"], faq),
    }
    for language in ("en", "zh"):
        here = [row for row in rows if (language == "zh") == bool(re.search(r"[\u4e00-\u9fff]", row["text"]))]
        for name, answer in ways.items():
            told = [(row["wanted"], answer(row)) for row in here]
            known = [(wanted, said) for wanted, said in told if wanted in faq]
            line(
                f"{name}, {language}",
                f"{share([wanted == said for wanted, said in known])} of {len(known)}",
                share([said in faq and wanted != said for wanted, said in known]),
                *(
                    share([said == kind for wanted, said in told if wanted == kind])
                    for kind in ("none", "person")
                ),
            )


def route(answer: str, faq: dict[str, str]) -> str:
    known = {text: question for question, text in faq.items()}
    return "person" if HANDED.search(answer) else known.get(answer.strip(), "none")


def nearest(text: str, faq: dict[str, str]) -> str:
    """The control: a word that names a person hands over; else the question with most words in common."""
    if PERSON.search(text):
        return "person"
    common = {one: len(set(question_terms(text)) & set(question_terms(one))) for one in faq}
    best = max(common, key=common.__getitem__)
    return best if common[best] else "none"


if __name__ == "__main__":
    main()
