"""OpenVINO as the engine that writes: our own decoders as graphs, with keys and values in blocks.

    graph.py      a decoder's configuration and weights → a graph      weights.py: in 8 or 4 bits
    convert.py    a model folder → openvino_model.xml and .bin
    paged.py      the graph over blocks, compiled; one step of many answers
    generator.py  the port over the scheduler

Needs openvino and tokenizers; torch only where a folder has no openvino_model.xml yet.
"""

from __future__ import annotations

from pathlib import Path

from catenary.errors import NotFound
from catenary.inference.folder import OPENVINO_FILE
from catenary.inference.openvino.weights import Precision
from catenary.inference.port import Generator

# Guesses pay while so few answers run, when a step waits for memory and not for arithmetic. Activations in int8 turn a
# difference in the last bit into another token, so a step of five tokens would not choose as five steps do.
GUESS_ROWS = 2


def openvino_generator(
    folder: Path,
    *,
    threads: int | None = None,
    precision: Precision = "int8",
    cache_bytes: int | None = None,
    exact: bool = False,
) -> Generator:
    """The decoder in `folder` on OpenVINO; converted with `precision` and kept where the folder has no graph.

    `cache_bytes` bounds the keys and values of all answers together. `exact` computes in float32 throughout.

    Raises what `open_generator`, `convert` and `OpenVinoModel` raise, NotFound where openvino is not installed.
    """
    from catenary.inference.generator_folder import open_generator

    try:
        from catenary.inference.openvino.generator import PagedGenerator
        from catenary.inference.openvino.paged import OpenVinoModel
        from catenary.inference.scheduler import Limits
    except ModuleNotFoundError as error:
        raise NotFound(
            "The engine openvino needs a package that is not installed.",
            got=str(error),
            next="pip install 'catenary[serve]'",
        ) from None
    folder = converted(folder, precision)
    opened = open_generator(folder)
    model = OpenVinoModel(
        folder / OPENVINO_FILE,
        threads=threads,
        cache_bytes=cache_bytes,
        context_tokens=opened.max_tokens or 0,
        windows=opened.windows,
        exact=exact,
    )
    return PagedGenerator(opened, model, Limits(guess_rows=GUESS_ROWS if exact else 0))


def converted(folder: Path, precision: Precision = "int8") -> Path:
    """A folder with the model's graph: `folder` itself where it has one, else one made from it once and kept."""
    if (folder / OPENVINO_FILE).is_file():
        return folder
    from catenary.inference.kept import kept
    from catenary.inference.openvino.convert import convert

    files = [path for path in folder.iterdir() if path.is_file()]
    return kept("openvino", files, lambda made: convert(folder, made, precision), how=precision)
