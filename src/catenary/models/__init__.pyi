from .adapter_settings import LoraSettings
from .adapters import AdaptedLinear, adapted_layers, attach_adapter, merge_adapter
from .adopt import Adopted, adopt
from .cache import Cache, Memory
from .config import HeadName, TransformerConfig
from .download import download
from .families import FAMILIES
from .gguf_tokenizer import unpack_gguf
from .hub import build, copy_companions, load, save
from .likelihood import Likelihood, text_frame
from .model import Loaded, Model, Output
from .model_files import model_files
from .observe import Seen, observe
from .peft_files import is_adapter, load_adapter, save_adapter
from .remembering import memory_beside, read_sources
from .sizes import SIZES, configure

__all__ = [
    "FAMILIES",
    "SIZES",
    "AdaptedLinear",
    "Adopted",
    "Cache",
    "HeadName",
    "Likelihood",
    "Loaded",
    "LoraSettings",
    "Memory",
    "Model",
    "Output",
    "Seen",
    "TransformerConfig",
    "adapted_layers",
    "adopt",
    "attach_adapter",
    "build",
    "configure",
    "copy_companions",
    "download",
    "is_adapter",
    "load",
    "load_adapter",
    "memory_beside",
    "merge_adapter",
    "model_files",
    "observe",
    "read_sources",
    "save",
    "save_adapter",
    "text_frame",
    "unpack_gguf",
]
