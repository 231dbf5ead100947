"""Inference: a loaded model behind one port, whatever engine runs it. No HTTP, no store.

What flows through: a model folder is opened and checked (`folder.py`), an engine is chosen (`load.py`), texts
become padded batches (`batches.py`), the engine gives logits, and each text gets its `Scores` (`port.py`).

    from catenary.inference import load

    classifier = load(folder)
    for scores in classifier.classify(["很好看的一本书", "房间太小了"]):
        print(scores.label, scores.probabilities, scores.tokens, scores.truncated)

A folder with `model.onnx` needs onnxruntime and tokenizers only; torch is loaded for a folder without.
"""

from catenary.inference.load import Engine, load
from catenary.inference.port import Classifier, Scores, Stop, never

__all__ = ["Classifier", "Engine", "Scores", "Stop", "load", "never"]
