"""Compress: a trained model made small and fit to serve, and the proof that it still answers the same.

What flows through: a trained model's folder → int8 weights (`quantise.py`) → a release's folder with
safetensors and ONNX (`export.py`) → a comparison on real texts (`parity.py`).

    from catenary.compress import export, parity
    from catenary.inference import load

    exported = export(trained_folder, release_folder, quantise="int8")
    told = parity(load(trained_folder).classify, load(release_folder).classify, held_out_texts)
    print(exported.bytes_by_file, told.agreement, told.max_difference)
"""

from catenary.compress.export import FORMATS, Exported, Format, Quantisation, export, export_linear
from catenary.compress.parity import Disagreement, Parity, parity
from catenary.compress.quantise import Quantised, quantise
from catenary.compress.token_parity import TokenParity, pair_parity, token_parity
from catenary.inference.int8_weights import load_quantised

__all__ = [
    "FORMATS",
    "Disagreement",
    "Exported",
    "Format",
    "Parity",
    "Quantisation",
    "Quantised",
    "TokenParity",
    "export",
    "export_linear",
    "load_quantised",
    "pair_parity",
    "parity",
    "quantise",
    "token_parity",
]
