"""The official client's oldest 1.x that is supported, its first and last 2.x, the newest 3.x, and LiteLLM: one server.

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

CLIENTS = {
    "openai==1.60.0": "client_probe.py",
    "openai==2.0.0": "client_probe.py",
    "openai==2.54.0": "client_probe.py",
    "openai==3.57.0": "client_probe.py",
    "litellm==1.83.0": "litellm_probe.py",
}


def python_of(place: Path, client: str) -> Path:
    """The Python of an environment with this client."""
    folder = place / client.removeprefix("openai==")
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", client]
        subprocess.run([str(python), *install], check=True)
        (folder / "made").touch()
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
            for client, name in CLIENTS.items():
                python = python_of(place, client)
                probe = [str(python), str(Path(__file__).with_name(name)), f"{url}/v1"]
                failed += subprocess.run(probe, cwd=folder).returncode != 0
        finally:
            server.kill()
            server.communicate()
    sys.exit(failed)


if __name__ == "__main__":
    main()
