"""The corpus that curation is measured on: Debian's documentation packages and `chinese-poetry`, as plain documents.

The packages come through `apt-get download` and `npm pack`, and are kept beside the benchmark's other files. Documents
are made in the simplest way that both sides can share: what stands between the tags of a page, the lines of a manual
page that are no macros, ten poems together.
"""

from __future__ import annotations

import gzip
import html
import json
import random
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

DEBIAN = ("debian-handbook", "manpages-zh", "python3.11-doc", "perl-doc", "sqlite3-doc")
POETRY = "chinese-poetry@2.0.1"
POEMS_TOGETHER = 10
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def corpus(folder: Path) -> tuple[list[str], list[str]]:
    """(English documents, Chinese documents); what `folder` lacks of the packages is downloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    unpacked = folder / "unpacked"
    if not (unpacked / "done").exists():
        subprocess.run(["apt-get", "download", *DEBIAN], cwd=folder, check=True, capture_output=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(unpacked)], check=True)
        subprocess.run(["npm", "pack", POETRY], cwd=folder, check=True, capture_output=True)
        [poetry] = folder.glob("chinese-poetry-*.tgz")
        with tarfile.open(poetry) as file:
            file.extractall(unpacked / "poetry", filter="data")
        (unpacked / "done").touch()
    texts = [*_pages(unpacked), *_manuals(unpacked), *_poems(unpacked)]
    english = [text for text in texts if not CHINESE.search(text[:2000])]
    chinese = [text for text in texts if CHINESE.search(text[:2000])]
    for texts in (english, chinese):
        random.Random(17).shuffle(texts)
    return english, chinese


def pages(folder: Path) -> list[str]:
    """The corpus's HTML pages with their markup, in some order that is always the same."""
    found = sorted((folder / "unpacked/usr/share/doc").rglob("*.html"))
    random.Random(17).shuffle(found)
    return [path.read_text("utf-8", errors="replace") for path in found]


def planted(texts: list[str], share: float, seed: int = 5) -> list[str]:
    """`texts` with near copies of some among them: of each such, one word or character in a hundred is another."""
    r = random.Random(seed)
    copies = []
    for text in r.sample(texts, int(share * len(texts))):
        units = list(text) if CHINESE.search(text[:2000]) else re.split(r"(\s+)", text)
        for _ in range(max(1, len(units) // 200)):
            units[r.randrange(len(units))] = "另" if CHINESE.search(text[:2000]) else "other"
        copies.append("".join(units))
    both = texts + copies
    r.shuffle(both)
    return both


def _pages(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "usr/share/doc").rglob("*.html")):
        if "debian-handbook" in path.parts and not {"en-US", "zh-CN", "zh-TW"} & set(path.parts):
            continue
        source = path.read_text("utf-8", errors="replace")
        source = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", source)
        text = html.unescape(
            re.sub(r"<[^>]+>", "", re.sub(r"(?i)<(p|br|div|li|h\d|tr|pre)\b", r"\n<\1", source))
        )
        yield re.sub(r"[ \t]*\n\s*\n\s*", "\n\n", text).strip()


def _manuals(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "usr/share/man").rglob("*.gz")):
        if path.is_symlink():
            continue
        lines = gzip.decompress(path.read_bytes()).decode("utf-8", errors="replace").split("\n")
        yield "\n".join(line for line in lines if not line.startswith((".", "'")))


def _poems(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "poetry/package/dist").rglob("poet.*.json")):
        if "quantangshi" not in path.parts or "error" in path.parts or "authors" in path.name:
            continue
        poems = json.loads(path.read_text("utf-8"))
        told = [
            poem["title"] + "\n" + poem["author"] + "\n" + "\n".join(poem["paragraphs"])
            for poem in poems
            if isinstance(poem, dict) and poem.get("paragraphs")
        ]
        for at in range(0, len(told), POEMS_TOGETHER):
            yield "\n\n".join(told[at : at + POEMS_TOGETHER])
