"""Inference: a loaded model behind one port, whatever engine runs it. No HTTP, no store.

What flows through: a model folder is opened and checked (`folder.py`, `generator_folder.py`) and an engine chosen
(`load.py`). To classify and to embed, texts become padded batches (`batches.py`). To generate, a prompt becomes ids,
the engine gives logits, `sampling.py` chooses, and `writing.py` makes text of it and knows when to stop.

    from catenary.inference import GenerationSettings, load

    for scores in load(folder).classify(["很好看的一本书", "房间太小了"]):
        print(scores.label, scores.probabilities, scores.tokens, scores.truncated)

    writer = load(folder, "generate")
    [told] = writer.generate([[{"role": "user", "content": "你好"}]], GenerationSettings(max_tokens=64))
    for piece in writer.stream("从前有座山", GenerationSettings(temperature=0.7, seed=17)):
        print(piece.text, end="")

A folder with `model.onnx` needs onnxruntime and tokenizers only; torch is loaded for a folder without.
"""

from catenary.inference.constraint import Constraint
from catenary.inference.generation import (
    Choice,
    Completion,
    GenerationSettings,
    Message,
    Piece,
    Prompt,
    TokenLogprob,
    Usage,
)
from catenary.inference.load import Engine, TaskName, load
from catenary.inference.port import (
    Classifier,
    Embedder,
    Embeddings,
    Generator,
    Scores,
    Stop,
    Stream,
    never,
)

__all__ = [
    "Choice",
    "Classifier",
    "Completion",
    "Constraint",
    "Embedder",
    "Embeddings",
    "Engine",
    "GenerationSettings",
    "Generator",
    "Message",
    "Piece",
    "Prompt",
    "Scores",
    "Stop",
    "Stream",
    "TaskName",
    "TokenLogprob",
    "Usage",
    "load",
    "never",
]
