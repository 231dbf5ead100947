"""Does a writer's export choose the tokens that the trained model does? Asked at every place of real texts.

Both read the same text, so one other choice does not lead all that follows astray, as it would in free writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.inference.folder import OPENVINO_FILE
from catenary.inference.generator_folder import open_generator
from catenary.inference.sampling import log_softmax
from catenary.progress import SILENT, Progress

if TYPE_CHECKING:
    from catenary.models import Model

TOKENS_EACH = 256


@dataclass(frozen=True, slots=True)
class TokenParity:
    """`agreement`: the share of `n` places with the same likeliest token. `nats`: how much likelier the trained model
    finds the true next token than the export does, on average: log₂ would be bits a token; negative where it is worse.
    """

    agreement: float
    n: int
    nats: float


def token_parity(
    trained: Model, folder: Path, texts: Sequence[Sequence[int]], *, progress: Progress = SILENT
) -> TokenParity:
    """Compare the OpenVINO graph in `folder` with `trained` on texts of token ids, TOKENS_EACH of each at most.

    Raises InvalidInput where there is nothing to compare.
    """
    from catenary.inference.openvino.paged import OpenVinoModel
    from catenary.inference.scheduler import Chunk

    windows = open_generator(folder).windows
    served = OpenVinoModel(folder / OPENVINO_FILE, most_tokens=TOKENS_EACH, windows=windows)
    same = places = 0
    nats = 0.0
    progress.begin("comparing", total=len(texts), unit="texts")
    for text in texts:
        ids = list(text[: min(TOKENS_EACH, trained.config.max_position_embeddings)])
        if len(ids) < 2:
            continue
        blocks = range(-(-len(ids) // served.block_tokens))
        theirs_TV = served.step([Chunk(ids, 0, blocks, len(ids))])
        ours_TV = _logits(trained, ids)
        same += int((ours_TV.argmax(-1) == theirs_TV.argmax(-1)).sum())
        places += len(ids)
        for at, following in enumerate(ids[1:]):
            nats += float(log_softmax(ours_TV[at])[following] - log_softmax(theirs_TV[at])[following])
        progress.advance(1)
    if not places:
        raise InvalidInput("Parity needs at least one text.")
    return TokenParity(same / places, places, nats / places)


def pair_parity(
    trained: Model,
    folder: Path,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    progress: Progress = SILENT,
) -> TokenParity:
    """As `token_parity`, of an encoder–decoder: pairs of what is read and what is written, each with its end."""
    from catenary.inference.openvino.rows import OpenVinoSeq2Seq

    served = OpenVinoSeq2Seq(folder, trained.config)
    same = places = 0
    nats = 0.0
    progress.begin("comparing", total=len(pairs), unit="texts")
    for source, target in pairs:
        read, written = list(source), list(target)[:TOKENS_EACH]
        if not read or not written:
            continue
        ours_TV = _target_logits(trained, read, written)
        rows, theirs_1V = served.start([read], len(written))
        for at, token in enumerate(written):
            same += int(ours_TV[at].argmax() == theirs_1V[0].argmax())
            nats += float(log_softmax(ours_TV[at])[token] - log_softmax(theirs_1V[0])[token])
            if at + 1 < len(written):
                theirs_1V = rows.read([token])
        places += len(written)
        progress.advance(1)
    if not places:
        raise InvalidInput("Parity needs at least one text.")
    return TokenParity(same / places, places, nats / places)


def _target_logits(model: Model, source: list[int], target: list[int]) -> NDArray[np.float32]:
    import torch

    start = model.config.decoder_start_token_id or 0
    with torch.inference_mode():
        output = model(torch.tensor([source]), None, decoder_input_ids=torch.tensor([[start, *target[:-1]]]))
        logits_TV: NDArray[np.float32] = output.logits[0].float().numpy()
    return logits_TV


def _logits(model: Model, ids: list[int]) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        logits_TV: NDArray[np.float32] = model(torch.tensor([ids])).logits[0].float().numpy()
    return logits_TV
