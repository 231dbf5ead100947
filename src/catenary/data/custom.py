"""Custom: a step of the user's own: a function of one text, from a file beside the chain or from an installed
package.

    - custom: {file: steps/clean.py, function: clean, trust: 9f86d081884c7d65…}    # the SHA-256 of the file
    - custom: {plugin: our-cleaning}                                             # an entry point of `catenary.steps`

    def clean(text: str) -> str | None: ...     # the new text; None drops it as `custom:<function>`

A file runs with all rights of whoever runs the chain, so it is named with its digest: another content is not run. The
digest is in the recipe, so another content is another dataset. A plugin's recipe holds the digest of its module's
source. A text on which the function fails is dropped as `custom:failed`, and the run goes on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.settings import unknown
from catenary.data.step_settings import PLUGINS, CustomSettings
from catenary.errors import InvalidInput, NotFound, Refused

Change = Callable[[str], str | None]


def custom(
    batch: pa.RecordBatch,
    settings: CustomSettings,
    notes: Counter[str],
    folder: Callable[[], Path] | None = None,
) -> pa.RecordBatch:
    """Rewrites and drops; notes `changed` and `failed.<error>`. Files are sought from `folder` on."""
    change = _function(settings, folder() if folder else Path())
    rows = kept_rows(batch)
    changed: list[int] = []
    new: list[str] = []
    dropped: list[int] = []
    reasons: list[str] = []
    name = settings.plugin or settings.function
    for row, text in zip(rows.tolist(), texts_at(batch, rows).to_pylist(), strict=True):
        try:
            told = change(text)
            if told is not None:
                told.encode()
        except Exception as error:  # whatever the user's code raises is about this text
            notes[f"failed.{type(error).__name__}"] += 1
            dropped.append(row)
            reasons.append("custom:failed")
            continue
        if told is None:
            dropped.append(row)
            reasons.append(f"custom:{name}")
        elif told != text:
            changed.append(row)
            new.append(told)
    notes["changed"] += len(changed)
    batch = with_texts(batch, np.array(changed, dtype=np.int64), pa.array(new, pa.large_string()))
    return with_dropped(batch, np.array(dropped, dtype=np.int64), reasons)


def _function(settings: CustomSettings, folder: Path) -> Change:
    if settings.plugin is not None:
        found: Change = _entry_point(settings.plugin).load()
        return found
    assert settings.file is not None
    path = folder / settings.file
    try:
        source = path.read_bytes()
    except OSError:
        raise NotFound("The file of a custom step is missing.", got=str(path), where="steps.custom") from None
    digest = hashlib.sha256(source).hexdigest()
    if digest != settings.trust:
        raise Refused(
            "The file of a custom step is not the one that is trusted.",
            got=digest,
            expected="`trust: {trust}`; read the file, then trust it by its digest",
            where=str(path),
            trust=settings.trust,
        )
    module: Any = ModuleType("catenary_custom_step")
    module.__file__ = str(path)
    exec(compile(source, str(path), "exec"), module.__dict__)
    if not callable(getattr(module, settings.function, None)):
        raise NotFound(
            "The file of a custom step has no function `{function}`.",
            got=str(path),
            function=settings.function,
        )
    chosen: Change = getattr(module, settings.function)
    return chosen


def _entry_point(name: str) -> metadata.EntryPoint:
    found = {one.name: one for one in metadata.entry_points(group=PLUGINS)}
    if name not in found:
        raise unknown("No installed package declares this step.", name, found, "steps.custom")
    return found[name]


def plugin_source(name: str) -> str:
    """The SHA-256 of the source of a plugin's module. Raises InvalidInput where there is none."""
    module = _entry_point(name).module
    spec = util.find_spec(module)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise InvalidInput("The source of this step cannot be read.", got=module, where="steps.custom")
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
