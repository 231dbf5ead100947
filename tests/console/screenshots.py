"""`python -m tests.console.screenshots`: a picture of each page of the console, in both languages, for the docs."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image

from tests.console.everything import everything
from tests.serve.browser import browsers
from tests.stages.mail import copied, made_once

DOCS = Path(__file__).parents[2] / "docs"
WIDTH, HEIGHT = 1100, 720
COLOURS = 48
LEFT_OUT = ("none",)
FURTHER = {
    "dataset-samples": ("dataset", "table-reasons"),
    "model-examples": ("model", "table-worst"),
    "evaluation-examples": ("evaluation", "table-best"),
}
"""picture → a page, and the part of it that is below what a window shows"""


def shrunk(png: bytes) -> bytes:
    """The picture in few colours: letters and boxes need no more."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return out.getvalue()


def main() -> None:
    folder = DOCS / "images" / "console"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# The console's pages, in pictures",
        "",
        "Made by `make screenshots` over a small chain of mail, with every page that there is.",
        "",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "copy").mkdir()
        chain = copied(made_once(Path(temporary)), Path(temporary) / "copy")
        with everything(chain) as found, browsers(1) as [browser]:
            browser.resize(WIDTH, HEIGHT)
            pages = {name: page for name, page in found.pages.items() if name not in LEFT_OUT}
            pages |= {name: f"{pages[page]}#{part}" for name, (page, part) in FURTHER.items()}
            for lang in ("zh", "en"):
                browser.open(f"{found.served.url}/console/language/{lang}")
                for name, page in pages.items():
                    browser.open(found.served.url + page)
                    (folder / f"{name}-{lang}.png").write_bytes(shrunk(browser.screenshot()))
    lines += ["| 中文 | English |", "| --- | --- |"]
    lines += [
        f"| ![{name}, in Chinese](images/console/{name}-zh.png) | ![{name}](images/console/{name}-en.png) |"
        for name in pages
    ]
    (DOCS / "console-pictures.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
