"""English and Chinese sentences of the LibreOffice help, side by side, from the two packages that Debian ships.

    python align.py [FOLDER]        # writes data/<page>.jsonl, one file a page

FOLDER holds the unpacked packages; without it the installed ones under /usr are read, or both packages are fetched with
`apt-get download` and unpacked without being installed. The help is under the MPL 2.0.

Paragraphs of both languages carry the same ids; within a paragraph, sentences are aligned by their lengths (Gale and
Church 1993, Computational Linguistics 19.1) with a bonus for what both sides share: numbers, Latin words, formulas.
"""

from __future__ import annotations

import html
import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

PACKAGES = ("libreoffice-help-en-us", "libreoffice-help-zh-cn")
HELP = "usr/share/libreoffice/help"
PARAGRAPH = re.compile(r'<(p|h[1-6])\b[^>]*\bid="([a-z]+_id\w+)"[^>]*>(.*?)</\1>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
HAN = re.compile(r"[\u4e00-\u9fff]")
ENGLISH_END = re.compile(r"(?<=[a-z)\"'][.!?])\s+(?=[A-Z])")
CHINESE_END = re.compile(r"(?<=[。！？])(?![」”）)])")
ANCHOR = re.compile(r"[A-Za-z]{2,}|\d+(?:\.\d+)?")

CHINESE_PER_ENGLISH = 0.35  # characters; of all paragraphs of the help
# Of a Chinese length around that, for each English character; Gale and Church have 6.8 for European languages.
VARIANCE = 1.2
ANCHOR_BONUS = 1.0
# English sentences, Chinese sentences → −log of how often that happens (Gale and Church, table 5)
BEADS = {(1, 1): 0.12, (1, 0): 4.6, (0, 1): 4.6, (2, 1): 2.4, (1, 2): 2.4, (2, 2): 4.5}


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    out = Path("data")
    out.mkdir(exist_ok=True)
    seen: set[tuple[str, str]] = set()
    with tempfile.TemporaryDirectory() as folder:
        for page, found in groupby(pairs(find(given, Path(folder))), key=lambda one: one[0]):
            new = [pair for _, *pair in found if tuple(pair) not in seen]
            seen |= {(english, chinese) for english, chinese in new}
            lines = [
                json.dumps({"source": english, "target": chinese}, ensure_ascii=False)
                for english, chinese in dict.fromkeys(map(tuple, new))
            ]
            if lines:
                name = page.replace("/", "_") + ".jsonl"
                (out / name).write_text("\n".join(lines) + "\n", "utf-8")


def find(given: Path | None, scratch: Path) -> Path:
    """The folder that both packages are unpacked in. Raises SystemExit where they are not in the one given."""
    root = given or Path("/")
    if all((root / HELP / language).is_dir() for language in ("en-US", "zh-CN")):
        return root
    if given is not None:
        raise SystemExit(f"{given} does not hold {HELP}/en-US and {HELP}/zh-CN")
    for package in PACKAGES:
        subprocess.run(["apt-get", "download", package], cwd=scratch, check=True, stdout=sys.stderr)
    for deb in scratch.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(deb), str(scratch)], check=True)
    return scratch


def pairs(root: Path) -> Iterator[tuple[str, str, str]]:
    """(page, English, Chinese) of each aligned sentence."""
    english, chinese = root / HELP / "en-US/text", root / HELP / "zh-CN/text"
    for path in sorted(english.rglob("*.html")):
        page = str(path.relative_to(english).with_suffix(""))
        other = chinese / path.relative_to(english)
        if not other.is_file():
            continue
        theirs = paragraphs(other)
        for name, text in paragraphs(path).items():
            translated = theirs.get(name, "")
            if is_chinese(translated) and not is_chinese(text):
                for source, target in aligned(text, translated):
                    yield page, source, target


def paragraphs(path: Path) -> dict[str, str]:
    """The text of each paragraph by its id."""
    found: dict[str, str] = {}
    for _, name, inner in PARAGRAPH.findall(path.read_text("utf-8")):
        text = " ".join(html.unescape(TAG.sub("", inner)).split())
        if text:
            found.setdefault(name, text)
    return found


def is_chinese(text: str) -> bool:
    """Half of the help is not translated: there both sides are English."""
    return len(HAN.findall(text)) >= max(2, 0.2 * len(text))


def aligned(english: str, chinese: str) -> Iterator[tuple[str, str]]:
    """The sentences of a paragraph that belong together; those without a partner are left out."""
    a, b = ENGLISH_END.split(english), [part for part in CHINESE_END.split(chinese) if part.strip()]

    @cache
    def best(i: int, j: int) -> tuple[float, tuple[int, int] | None]:
        """The least cost of the first i and j sentences, and the bead that it ends in."""
        if i == 0 and j == 0:
            return 0.0, None
        options = [
            (best(i - m, j - n)[0] + prior + cost(" ".join(a[i - m : i]), "".join(b[j - n : j])), (m, n))
            for (m, n), prior in BEADS.items()
            if m <= i and n <= j
        ]
        return min(options)

    i, j = len(a), len(b)
    found: list[tuple[str, str]] = []
    while i or j:
        bead = best(i, j)[1]
        assert bead is not None
        m, n = bead
        if m and n:
            found.append((" ".join(a[i - m : i]).strip(), "".join(b[j - n : j]).strip()))
        i, j = i - m, j - n
    yield from reversed(found)


def cost(english: str, chinese: str) -> float:
    """−log of the chance that the lengths differ so much, less the bonus for what both sides share."""
    if not english or not chinese:
        return 0.0
    off = (len(chinese) - CHINESE_PER_ENGLISH * len(english)) / math.sqrt(VARIANCE * len(english))
    unlikely = max(math.erfc(abs(off) / math.sqrt(2)), 1e-12)
    there = set(ANCHOR.findall(chinese))
    anchors = [one for one in set(ANCHOR.findall(english)) if one in there]
    missing = [one for one in there if one not in english]
    return -math.log(unlikely) - ANCHOR_BONUS * len(anchors) + ANCHOR_BONUS * len(missing)


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
