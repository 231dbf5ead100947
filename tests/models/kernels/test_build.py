"""Kernels are built once a machine; where they cannot be, training goes on without, and says so once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from catenary.models.kernels import library

pytestmark = pytest.mark.skipif(library() is None, reason="no compiler, or no kernel for this processor")

TRAIN = """
import torch
from catenary.models import build, configure
model = build(configure("llama", "nano", vocab_size=50, num_hidden_layers=1), "clm", seed=1).train()
for _ in range(2):
    model(torch.arange(20)[None]).logits.sum().backward()
from catenary.models.kernels import library
print("kernels" if library() else "torch", float(model.embedding.weight.grad.sum().isfinite()))
"""


def start(cache: Path, **environment: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "CATENARY_LANG": "en", **environment}
    return subprocess.Popen(
        [sys.executable, "-W", "default", "-c", TRAIN],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out, errors


@pytest.mark.slow
def test_two_processes_build_at_once_and_leave_one_file(tmp_path: Path) -> None:
    both = [start(tmp_path), start(tmp_path)]
    for process in both:
        assert finish(process)[0].startswith("kernels 1.0")
    (built,) = (tmp_path / "catenary" / "kernels").iterdir()
    assert built.suffix == ".so"
    assert stat.S_IMODE(built.stat().st_mode) == 0o700
    before = built.stat()
    assert finish(start(tmp_path, CXX="c++"))[0].startswith(
        "kernels"
    )  # another name of a compiler, another build
    assert (built.stat().st_ino, built.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("compiler", ["/no/such/compiler", "false"])
def test_a_bad_compiler_leaves_torch_and_one_notice(compiler: str, tmp_path: Path) -> None:
    out, errors = finish(start(tmp_path, CXX=compiler))
    assert out.startswith("torch 1.0")
    assert errors.count("The C++ kernels could not be built") == 1


def test_they_can_be_switched_off(tmp_path: Path) -> None:
    out, errors = finish(start(tmp_path, CATENARY_KERNELS="off", CXX="false"))
    assert out.startswith("torch 1.0")
    assert not errors


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_a_build_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "catenary").write_text("not a folder")  # holds against root too, unlike permissions
    out, errors = finish(start(tmp_path))
    assert out.startswith("kernels 1.0")
    assert not errors


@pytest.mark.slow
def test_a_build_that_others_could_have_written_is_not_loaded(tmp_path: Path) -> None:
    finish(start(tmp_path))
    (built,) = (tmp_path / "catenary" / "kernels").iterdir()
    built.write_bytes(b"not ours")
    built.chmod(0o777)
    out, errors = finish(start(tmp_path))
    assert out.startswith("kernels 1.0")
    assert not errors
    assert stat.S_IMODE(built.stat().st_mode) == 0o700
