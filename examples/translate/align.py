"""English and Chinese of LibreOffice, side by side, from packages that Debian ships: its help and what its windows say.

    python align.py [FOLDER]        # writes data/<page>.jsonl, one file a page, and messages/<module>.jsonl

FOLDER holds the unpacked packages; without it the installed ones under /usr are read, or the packages are fetched with
`apt-get download` and unpacked without being installed. All of it is under the MPL 2.0.

Paragraphs of both languages carry the same ids; within a paragraph, sentences are aligned by their lengths (Gale and
Church 1993, Computational Linguistics 19.1) with a bonus for what both sides share: numbers, Latin words, formulas.
"""

from __future__ import annotations

import gettext
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

PACKAGES = ("libreoffice-help-en-us", "libreoffice-help-zh-cn", "libreoffice-l10n-zh-cn")
HELP = "usr/share/libreoffice/help"
MESSAGES = "usr/lib/libreoffice/program/resource/zh_CN/LC_MESSAGES"
SHORTCUT = re.compile(r"\(~?_?[A-Z]\)|[~_]")
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
    with tempfile.TemporaryDirectory() as folder:
        root = find(given, Path(folder))
        write(Path("data"), pairs(root))
        write(Path("messages"), messages(root))


def write(out: Path, found: Iterator[tuple[str, str, str]]) -> None:
    """A file a page, of the pairs that no page before it has."""
    out.mkdir(exist_ok=True)
    seen: set[tuple[str, str]] = set()
    for page, there in groupby(found, key=lambda one: one[0]):
        new = [pair for pair in dict.fromkeys((one[1], one[2]) for one in there) if pair not in seen]
        seen.update(new)
        lines = [json.dumps({"source": a, "target": b}, ensure_ascii=False) for a, b in new]
        if lines:
            (out / f"{page.replace('/', '_')}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def find(given: Path | None, scratch: Path) -> Path:
    """The folder that the packages are unpacked in. Raises SystemExit where they are not in the one given."""
    root = given or Path("/")
    needed = (f"{HELP}/en-US", f"{HELP}/zh-CN", MESSAGES)
    if all((root / folder).is_dir() for folder in needed):
        return root
    if given is not None:
        raise SystemExit(f"{given} does not hold {', '.join(needed)}")
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


def messages(root: Path) -> Iterator[tuple[str, str, str]]:
    """(module, English, Chinese) of each message, without markup and the letters that are its keyboard shortcut."""
    for path in sorted((root / MESSAGES).glob("*.mo")):
        with path.open("rb") as file:
            catalog = vars(gettext.GNUTranslations(file))["_catalog"]
        for key, translated in catalog.items():
            english = key[0] if isinstance(key, tuple) else key  # plurals
            source, target = plain(english.rpartition("\4")[2]), plain(translated)
            if len(source) > 2 and HAN.search(target):
                yield path.stem, source, target


def plain(message: str) -> str:
    return " ".join(SHORTCUT.sub("", html.unescape(TAG.sub("", message))).split())


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
