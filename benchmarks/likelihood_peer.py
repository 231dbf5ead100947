"""lm-evaluation-harness in its own environment: scores pairs each time it is told to, and writes the results."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    folder, pairs_file, batch, dtype = sys.argv[1:5]
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    pairs = json.loads(Path(pairs_file).read_text("utf-8"))
    model = HFLM(pretrained=folder, device="cpu", dtype=dtype, batch_size=int(batch))
    requests = [
        Instance(request_type="loglikelihood", doc={}, arguments=tuple(pair), idx=at)
        for at, pair in enumerate(pairs)
    ]
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line)
        began = time.perf_counter()
        told = model.loglikelihood(requests[:count], disable_tqdm=True)
        print(json.dumps({"seconds": time.perf_counter() - began, "told": told}), flush=True)


if __name__ == "__main__":
    main()
