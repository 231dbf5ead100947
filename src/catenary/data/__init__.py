"""Data: from files to a dataset that a team can answer for.

It holds the craft of curation, one verb a file: sources and read, normalise, language, quality, redact, dedup, split.
Documents flow through as Arrow batches with the columns of `records.document_schema()`. No row is ever removed: a
step changes a text or writes why the document was dropped, so that this is known for ever.

    >>> from catenary.data import curate
    >>> done = curate(["请致电13812345678，谢谢！", "请致电13812345678，谢谢！"], ["redact", "dedup"])
    >>> [document.text for document in done.kept], [document.dropped for document in done.dropped]
    (['请致电[PHONE]，谢谢！'], ['dedup:exact'])

On disk: `collect` reads a source's files into shards, `curate_files` takes those through the steps into a dataset,
`read_split` reads it back.
"""

import lazy_loader

# The names are in __init__.pyi; each is imported when it is first used, so that a plan does not load Arrow.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
