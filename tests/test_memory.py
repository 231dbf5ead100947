"""A process's peak is its own, not that of the process that started it."""

from __future__ import annotations

import subprocess
import sys

from catenary.memory import peak_bytes


def test_the_peak_holds_what_was_held() -> None:
    before = peak_bytes()
    held = b"x" * (before + (50 << 20))
    assert peak_bytes() >= len(held)


def test_a_small_program_started_by_a_large_one_is_small() -> None:
    held = b"x" * (300 << 20)
    asked = "from catenary.memory import peak_bytes; print(peak_bytes())"
    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout
    assert int(told) < len(held) // 2
