"""A model's folder from the Hugging Face Hub, or from a mirror of it: the files that we read, at one commit.

    >>> commit = download("HuggingFaceTB/SmolLM2-135M-Instruct", Path("smol"))  # doctest: +SKIP
    >>> model = load("smol")  # doctest: +SKIP

`HF_ENDPOINT` names a mirror and `HF_TOKEN` opens gated models, as everywhere.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from catenary.errors import InvalidInput, NotFound
from catenary.models.model_files import COMPANIONS

# Weights as safetensors only: pickles are not even fetched, nor is code.
WANTED = [
    *("config.json", "model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"),
    *("modules.json", "1_Pooling/config.json", *COMPANIONS),
]


def download(model: str, folder: Path, *, revision: str = "main", endpoint: str | None = None) -> str:
    """Fetch `model` ("organisation/name", or "hub:organisation/name") into `folder`; returns the commit fetched.

    Running again goes on where it stopped. Raises NotFound (no such model or revision, or no leave to read it)
    and InvalidInput (a name that is none, a hub that cannot be reached).
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = model.removeprefix("hub:")
    api = HfApi(endpoint=endpoint or os.environ.get("HF_ENDPOINT") or None)
    try:
        commit = api.model_info(name, revision=revision).sha
        assert commit is not None
        api.snapshot_download(name, revision=commit, local_dir=folder, allow_patterns=WANTED, max_workers=4)
    except HFValidationError:
        raise InvalidInput(
            "This is not the name of a model on the hub.", got=model, expected="hub:organisation/name"
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise NotFound(
            "The hub has no such model or revision, or it is gated.",
            got=f"{name}@{revision}",
            where=str(error.response.url) if error.response is not None else None,
            expected="a model that can be read; set HF_TOKEN for a gated one",
        ) from None
    # The library's HTTP client has changed with its versions (requests, httpx, httpx2), and its errors with it.
    except Exception as error:
        raise InvalidInput(
            "The hub cannot be reached.",
            got=f"{type(error).__name__}: {error}"[:300],
            where=api.endpoint,
            expected="a connection, or HF_ENDPOINT set to a mirror",
        ) from None
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return commit
