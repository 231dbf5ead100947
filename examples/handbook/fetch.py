"""The Debian Administrator's Handbook in English and Chinese, as Debian ships it.

    python fetch.py [FOLDER]        # writes data/en/*.html and data/zh/*.html

FOLDER holds the unpacked package; without it the installed one under /usr is read, or the package is fetched with
`apt-get download` and unpacked without being installed. The book is under the GPL 2 or later, or CC BY-SA 3.0.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "debian-handbook"
BOOK = "usr/share/doc/debian-handbook/html"
LANGUAGES = {"en": "en-US", "zh": "zh-CN"}
LISTS = {"index.html"}  # the table of contents says nothing that the chapters do not


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as scratch:
        root = find(given, Path(scratch))
        for short, language in LANGUAGES.items():
            out = Path("data") / short
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            for page in sorted((root / BOOK / language).glob("*.html")):
                if page.name not in LISTS:
                    shutil.copyfile(page, out / page.name)


def find(given: Path | None, scratch: Path) -> Path:
    """The folder that the package is unpacked in. Raises SystemExit where it is not in the one given."""
    root = given or Path("/")
    if all((root / BOOK / language).is_dir() for language in LANGUAGES.values()):
        return root
    if given is not None:
        raise SystemExit(f"{given} does not hold {BOOK}/en-US and {BOOK}/zh-CN")
    subprocess.run(["apt-get", "download", PACKAGE], cwd=scratch, check=True, stdout=sys.stderr)
    for deb in scratch.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(deb), str(scratch)], check=True)
    return scratch


if __name__ == "__main__":
    main()
