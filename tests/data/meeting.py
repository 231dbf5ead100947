"""A custom step that changes nothing. Where MEETING names a folder, it waits there until two processes work.

A worker takes a second or two to start, in which one alone is done with as little as tests have.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

met = False


def step(text: str) -> str:
    global met
    folder = os.environ.get("MEETING")
    if folder and not met:
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / str(os.getpid())).touch()
        until = time.monotonic() + float(os.environ.get("MEETING_SECONDS", "120"))
        while len(list(Path(folder).iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        met = True
    return text
