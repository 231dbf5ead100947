"""The pages of raters, served in a process of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stages.mail import command, environment


@contextmanager
def judging(folder: Path, *asked: str) -> Iterator[dict[str, str]]:
    """rater → link of ann and of ben, while `catenary …` serves them."""
    process = subprocess.Popen(
        command(*asked, "--rater", "ann", "--rater", "ben", "--port", "0"),
        cwd=folder,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(2)]
        yield {line[0]: line[1] for line in lines}
    finally:
        process.terminate()
        process.wait()
