"""The official client's oldest 1.x that is supported, its first and last 2.x and the newest 3.x, against one server.

    python -m tests.serve.client_matrix .peers-clients

Each version has an environment of its own in that folder, made where it is missing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.inference.bag_of_words import write_folder
from tests.inference.writers import write_reader, write_writer

VERSIONS = ("1.60.0", "2.0.0", "2.54.0", "3.57.0")


def python_of(place: Path, version: str) -> Path:
    """The Python of an environment with this version."""
    python = place / version / "bin" / "python"
    if not (place / version / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place / version)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", f"openai=={version}"]
        subprocess.run([str(python), *install], check=True)
        (place / version / "made").touch()
    return python


def main() -> None:
    place = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        served = write_folder(Path(folder))
        write_writer(served / "writer")
        write_reader(served / "vectors", "embed")
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.serve.application", str(served), "max_tokens=8"],
            stdout=subprocess.PIPE,
            stderr=(served / "stderr").open("w"),
            text=True,
        )
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            failed = 0
            for version in VERSIONS:
                python = python_of(place, version)
                probe = [str(python), str(Path(__file__).with_name("client_probe.py")), f"{url}/v1"]
                failed += subprocess.run(probe, cwd=folder).returncode != 0
        finally:
            server.kill()
            server.communicate()
    sys.exit(failed)


if __name__ == "__main__":
    main()
