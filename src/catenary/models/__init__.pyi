from .cache import Cache, Memory
from .config import HeadName, TransformerConfig
from .download import download
from .families import FAMILIES
from .gguf_tokenizer import unpack_gguf
from .hub import build, copy_companions, load, save
from .model import Loaded, Model, Output
from .observe import Seen, observe
from .sizes import SIZES, configure

__all__ = [
    "FAMILIES",
    "SIZES",
    "Cache",
    "HeadName",
    "Loaded",
    "Memory",
    "Model",
    "Output",
    "Seen",
    "TransformerConfig",
    "build",
    "configure",
    "copy_companions",
    "download",
    "load",
    "observe",
    "save",
    "unpack_gguf",
]
