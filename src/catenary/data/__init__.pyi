from .collect import CollectReport, collect
from .curate import Curated, curate, curate_files
from .language import language_of
from .licences import package_licence
from .normalise import normalised_text
from .personal_data import Span, find
from .read import read
from .redact import redacted
from .report import CurationReport
from .shards import iter_split, read_index, read_split
from .source_files import SourceFile
from .sources import Source, licence_of, resolve, version_of
from .split import SplitSettings, split_of
from .step_settings import NormaliseSettings
from .steps import STEPS, Step, parse_steps

__all__ = [
    "STEPS",
    "CollectReport",
    "Curated",
    "CurationReport",
    "NormaliseSettings",
    "Source",
    "SourceFile",
    "Span",
    "SplitSettings",
    "Step",
    "collect",
    "curate",
    "curate_files",
    "find",
    "iter_split",
    "language_of",
    "licence_of",
    "normalised_text",
    "package_licence",
    "parse_steps",
    "read",
    "read_index",
    "read_split",
    "redacted",
    "resolve",
    "split_of",
    "version_of",
]
