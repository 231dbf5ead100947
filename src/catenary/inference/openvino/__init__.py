"""OpenVINO as the default engine: our own models as graphs; decoders with keys and values in blocks.

    parts.py      a model's weights, and what it computes once         weights.py: in 8 or 4 bits
    layers.py     what every graph is built of
    decoder.py    what writes           encoder.py: what reads         seq2seq.py: what reads and then writes
    convert.py    a model folder → openvino_model.xml and .bin
    paged.py      a decoder's graph over blocks, compiled; one step of many answers
    generator.py  the port over the scheduler                          rows.py: encoder–decoders in batches
    reader.py     the port of what labels texts and makes vectors

Needs openvino and tokenizers; torch only where a folder has no openvino_model.xml yet.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from catenary.errors import NotFound
from catenary.inference.folder import ONNX_FILE, OPENVINO_FILE, SAFETENSORS_FILE, has_graph
from catenary.inference.openvino.weights import Precision
from catenary.inference.port import Generator

if TYPE_CHECKING:
    from catenary.models.config import HeadName

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
    """What writes in `folder` on OpenVINO; converted with `precision` and kept where the folder has no graph.

    `cache_bytes` bounds the keys and values of all answers together. `exact` computes in float32 throughout.

    Raises what `open_generator`, `convert` and `OpenVinoModel` raise, NotFound where openvino is not installed.
    """
    from catenary.inference.generator_folder import open_generator

    try:
        from catenary.inference.openvino.generator import PagedGenerator
        from catenary.inference.openvino.paged import OpenVinoModel
        from catenary.inference.openvino.rows import OpenVinoDecoder, OpenVinoSeq2Seq
        from catenary.inference.rows_generator import CACHE_BYTES as ROWS_BYTES
        from catenary.inference.rows_generator import RowsGenerator
        from catenary.inference.scheduler import Limits
    except ModuleNotFoundError as error:
        raise missing(error) from None
    folder = converted(folder, precision)
    opened = open_generator(folder)
    if opened.kind == "encoder-decoder":
        model = OpenVinoSeq2Seq(folder, opened.model, threads=threads, exact=exact)
        return RowsGenerator(opened, model, cache_bytes=ROWS_BYTES if cache_bytes is None else cache_bytes)
    paged = OpenVinoModel(
        folder / OPENVINO_FILE,
        threads=threads,
        cache_bytes=cache_bytes,
        context_tokens=opened.max_tokens or 0,
        windows=opened.windows,
        exact=exact,
    )
    return PagedGenerator(
        opened,
        paged,
        Limits(guess_rows=GUESS_ROWS if exact else 0),
        beams=lambda: OpenVinoDecoder(folder, opened.model, threads=threads, exact=exact),
    )


def openvino_reader(folder: Path, task: Literal["classify", "embed"], threads: int | None = None) -> Any:
    """The classifier or embedder in `folder` on OpenVINO; converted to int8 and kept where the folder has no graph."""
    from catenary.inference.folder import open_text_model, open_tokenized_model

    try:
        from catenary.inference.openvino.reader import OpenVinoEmbedder, openvino_classifier
    except ModuleNotFoundError as error:
        raise missing(error) from None
    if task == "embed" or not reads_onnx(folder):
        folder = converted(folder, head="embed" if task == "embed" else None)
    if task == "embed":
        return OpenVinoEmbedder(open_tokenized_model(folder), threads)
    return openvino_classifier(open_text_model(folder), threads)


def reads_onnx(folder: Path) -> bool:
    """Whether OpenVINO reads the folder's ONNX file as it is: there is no graph, and nothing to make one with."""
    convertible = (folder / SAFETENSORS_FILE).is_file() and find_spec("torch") is not None
    return (folder / ONNX_FILE).is_file() and not has_graph(folder) and not convertible


def missing(error: ModuleNotFoundError) -> NotFound:
    """What is told where openvino is not installed."""
    return NotFound(
        "The engine openvino needs a package that is not installed.",
        got=str(error),
        next="pip install 'catenary[serve]'",
    )


def converted(folder: Path, precision: Precision = "int8", head: HeadName | None = None) -> Path:
    """A folder with the model's graph: `folder` itself where it has one, else one made from it once and kept."""
    if has_graph(folder):
        return folder
    from catenary.inference.kept import kept
    from catenary.inference.openvino.convert import convert

    files = [path for path in folder.rglob("*") if path.is_file()]
    how = precision if head is None else f"{precision} {head}"
    return kept("openvino", files, lambda made: convert(folder, made, precision, head), how=how)
