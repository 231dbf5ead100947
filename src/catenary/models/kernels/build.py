"""The C++ beside this file, compiled for the processor that it runs on and kept in the user's cache.

A build is named for all that it depends on: the sources, the compiler's version, the flags and the processor. Two
processes that build at once each finish their own, and the last rename wins: the files are the same.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from catenary.errors import CatenaryWarning
from catenary.messages import say

HERE = Path(__file__).parent
COMPILERS = ("c++", "g++", "clang++")
# No -ffast-math: it would let the linker switch off denormal numbers for the whole process.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-march=native",
    "-fopenmp",
    "-fPIC",
    "-shared",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-Wno-psabi",
]
COMPILE_SECONDS = 300
CANNOT_WRITE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EEXIST,
)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None: switched off, not for this processor, no compiler, or it failed (said once)."""
    if os.environ.get("CATENARY_KERNELS", "").lower() in ("off", "0", "no"):
        return None
    if sys.platform != "linux" or platform.machine() != "x86_64" or "avx2" not in _processor():
        return None
    try:
        return ctypes.CDLL(str(_built()))
    except (OSError, subprocess.SubprocessError) as error:
        warnings.warn(
            say(
                "The C++ kernels could not be built, so training uses torch's own, which are slower ({reason}).",
                reason=_reason(error),
            ),
            CatenaryWarning,
            stacklevel=2,
        )
        return None


def _built() -> Path:
    """The shared object; compiled where the cache lacks it. Raises OSError and SubprocessError."""
    compiler = _compiler()
    name = f"{_identity(compiler)}.so"
    for folder in _folders():
        found = folder / name
        # What others could have written is not loaded.
        if found.is_file() and found.stat().st_uid == os.getuid() and not found.stat().st_mode & 0o022:
            return found
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _compile(compiler, folder, name)
        except OSError as error:
            if error.errno not in CANNOT_WRITE:
                raise
    raise PermissionError("no folder to build in can be written")


def _compile(compiler: list[str], folder: Path, name: str) -> Path:
    descriptor, temporary = tempfile.mkstemp(prefix=".building-", suffix=".so", dir=folder)
    os.close(descriptor)
    try:
        sources = [str(path) for path in sorted(HERE.glob("*.cpp"))]
        # torch's OpenMP stands in the process already; the kernels share its threads by its name, libgomp.so.1.
        done = subprocess.run(
            [*compiler, *FLAGS, *sources, "-o", temporary],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMPILE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise subprocess.SubprocessError(_first_error(done.stderr) or f"{compiler[0]}: {done.returncode}")
        os.chmod(temporary, 0o700)  # noqa: PTH101 - beside the descriptor above
        return Path(temporary).replace(folder / name)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _compiler() -> list[str]:
    """CXX, or the first that is found. Raises FileNotFoundError."""
    if os.environ.get("CXX"):
        return shlex.split(os.environ["CXX"])
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise FileNotFoundError("no C++ compiler is installed")


def _identity(compiler: list[str]) -> str:
    version = subprocess.run([*compiler, "--version"], capture_output=True, timeout=60, check=False).stdout
    whole = hashlib.sha256()
    for path in sorted((*HERE.glob("*.cpp"), *HERE.glob("*.hpp"))):
        whole.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for part in (" ".join(compiler), *FLAGS, _processor()):
        whole.update(part.encode() + b"\0")
    whole.update(version)
    return whole.hexdigest()[:32]


@functools.cache
def _processor() -> str:
    """Its model and what it can do, in the kernel's words."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines if line.startswith(("model", "cpu family", "vendor", "flags")))


def _folders() -> Iterator[Path]:
    """Where builds are kept: the user's cache; where that cannot be written, a folder of this process alone."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield cache / "catenary" / "kernels"
    except RuntimeError:  # no home
        pass
    own = Path(tempfile.mkdtemp(prefix="catenary-kernels-"))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    yield own


def _first_error(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if "error" in line.lower()), "")[:200]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def threads() -> int:
    """As many as torch uses."""
    return torch.get_num_threads()
