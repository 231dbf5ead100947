"""A chain small enough to make in seconds, on every real stage: is a text documentation, or an offer?

The documents come from two sources under two licences, as mail does: folders of files and a table. Among them are exact
and near copies, e-mail addresses and phone numbers, one that is no text, an empty one and a text in another language.
"""

from __future__ import annotations

import csv
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from pydoc_data.topics import topics

from filelock import FileLock

CHAIN = """\
schema: 1
project: {name: mail, languages: [en]}
vars: {seed: 17}

sources:
  folders:
    path: mail
    files: {docs: docs/*.txt, offer: offer/*.txt}
    format: text
    licence: MIT
  table: {path: mail.csv, format: csv, text: body, label: class, licence: CC0-1.0}

datasets:
  mail:
    from: [folders, table]
    steps: [normalise, {language: [en]}, {length: {min_chars: 12}}, {redact: [phone, email]}, {dedup: {near: 0.8}}]
    split: {valid: 0.1, test: 0.2, seed: "${vars.seed}"}

tokenizers:
  words: {from: mail, kind: bpe, vocab_size: 400}

models:
  bigram: {family: ngram, order: 2, from: mail, tokenizer: words}
  linear: {family: linear, task: classify, from: mail}
  base:
    family: bert
    from: mail
    tokenizer: words
    hidden_size: 16
    num_hidden_layers: 1
    num_attention_heads: 2
    intermediate_size: 32
    max_position_embeddings: 128
    epochs: 1
    learning_rate: 0.005
  kind: {init: base, task: classify, from: mail, epochs: 3, learning_rate: 0.01}

evaluations:
  quality: {of: [linear, kind], on: mail.test, metrics: [accuracy, f1, confusion]}

releases:
  kind:
    from: kind
    quantise: int8
    formats: [safetensors, onnx]
    gates:
      - {metric: quality.kind.accuracy, at_least: 0.3}
      - {metric: quality.kind.accuracy, better_than: quality.linear.accuracy, on_fail: warn}
      - {parity: 0.9}
      - {licences: [MIT, CC0-1.0]}
      - {personal_data: 0}
    sign_off: [data_engineer, compliance]

serve:
  endpoints: {kind: {release: kind}}

apps: {}
"""

SIGNERS = ("compliance", "data_engineer")
OFFER = "Dear customer, buy three golden watches today and save 40 percent, the offer ends on Sunday."
QUESTION = "The expression is evaluated in the scope of the enclosing function."

_OPENINGS = ("Dear customer", "Hello friend", "Good news", "Last chance", "Only for you", "Attention please")
_GOODS = (
    "watches",
    "holidays",
    "insurance",
    "vitamins",
    "carpets",
    "sofas",
    "shoes",
    "tickets",
    "mattresses",
)
_KINDS = (
    "golden",
    "cheap",
    "genuine",
    "luxury",
    "brand new",
    "famous",
    "handmade",
    "exclusive",
    "discounted",
)
_ENDS = (
    "the offer ends on {day}",
    "delivery is free until {day}",
    "our shop in town closes on {day}",
    "pay nothing before {day}",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def write_chain(folder: Path, text: str = CHAIN) -> Path:
    """The chain and its mail in `folder`; the same bytes each time."""
    lots = random.Random(3)
    docs, offers = _docs(lots, 110), [_offer(lots) for _ in range(110)]
    offers[4] += " Write to anna.keller@example.com or call 13912345678."
    offers[5] += " Ask for Tom, tom@example.org."
    files = [(f"docs/{number:03}.txt", one.encode()) for number, one in enumerate(docs[:60])]
    files += [(f"offer/{number:03}.txt", one.encode()) for number, one in enumerate(offers[:60])]
    files += [
        ("docs/copy.txt", docs[0].encode()),
        ("offer/empty.txt", b""),
        ("offer/noise.txt", b"Buy \x81\x8d\x8f\x90 now, \x9d\x81!"),
    ]
    for name, data in files:
        (folder / "mail" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mail" / name).write_bytes(data)
    longest = max(docs, key=len)
    again = [docs[0], longest.rstrip(".") + "!", longest.rstrip(".") + "; see"]
    rows = [*((one, "docs") for one in [*docs[60:], *again]), *((one, "offer") for one in offers[60:])]
    rows.append(("酒店很好，房间干净，下次还来住。", "offer"))
    with (folder / "mail.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("body", "class"), *rows])
    path = folder / "catenary.yaml"
    path.write_text(text, "utf-8")
    return path


def made_once(shared: Path) -> Path:
    """The folder of the chain, made: by the first of the test processes that asks for it."""
    folder = shared / "mail-chain"
    with FileLock(shared / "mail-chain.lock"):
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            write_chain(folder)
            catenary(folder, "run").check_returncode()
            (folder / "made").touch()
    return folder


def copied(made: Path, to: Path) -> Path:
    """A copy of the made chain that a test may change. No id changes with the folder."""
    shutil.copytree(made, to / made.name)
    return to / made.name


def command(*arguments: str) -> list[str]:
    """The command line of `catenary …` in a process of its own."""
    return [sys.executable, "-c", "from catenary.cli import main; main()", *arguments]


def environment() -> dict[str, str]:
    """This process's, without what would lead Catenary elsewhere, in English."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CATENARY", "LC_", "LANG"))
    }
    return kept | {"LANG": "C.UTF-8"}


def catenary(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command in `folder` in a process of its own, as a user does."""
    return subprocess.run(command(*arguments), cwd=folder, env=environment(), capture_output=True, text=True)


def _docs(lots: random.Random, count: int) -> list[str]:
    """Sentences of Python's own reference."""
    prose = re.sub(r"\s+", " ", " ".join(topics[name] for name in sorted(topics)))
    sentences = {
        one.strip() + "."
        for one in re.split(r"\.\s", prose)
        if 60 < len(one) < 160 and re.fullmatch(r"[A-Z][A-Za-z ,;'()-]+", one.strip())
    }
    return lots.sample(sorted(sentences), count)


def _offer(lots: random.Random) -> str:
    goods, others = lots.sample(_GOODS, 2)
    return (
        f"{lots.choice(_OPENINGS)}, buy {lots.randint(2, 99)} {lots.choice(_KINDS)} {goods} today and save "
        f"{lots.randint(5, 95)} percent on {lots.choice(_KINDS)} {others}, "
        f"{lots.choice(_ENDS).format(day=lots.choice(_DAYS))}."
    )
