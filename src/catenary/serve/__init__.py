"""Serve: endpoints answer, leave receipts, and never fall. HTTP lives in this room and nowhere else.

The life of a request, in eight steps:

1. `frame.py`: it gets an id; who asks is found out (`callers.py`); a server that drains or is full says 503.
2. `routes/`: the body is read, bounded and strict (`body.py`, `asked.py`); what is not supported is refused by name.
3. `admission.py`: it takes its places or is refused at once; nothing has been tokenised yet. From here on it ends when
   its client leaves, its deadline passes or the server closes.
4. `callers.py`: it counts against its key's rate and day.
5. `guard/` judges what is asked, and later each piece of what is answered.
6. The engine works (`engine.py`: the port; `local_engine.py`, `child.py`: a process; `upstream.py`: another server).
7. The receipt (`request.py`, `writing.py`) is stored, many together (`ledger.py`), with what it cost.
8. Only then is it said why the answer ended, whole or as events (`sse.py`).

`gateway.py` holds what the routes stand on, `app.py` joins them, `listen.py` runs them.

This page exports the half that needs no HTTP, so that `catenary ask` does not load a web framework.

    from catenary.inference import load
    from catenary.serve import Endpoint, answer

    endpoint = Endpoint("sentiment", load(folder), release="a1b2", status="unreleased", model_digest="c3d4")
    told = answer(endpoint, ["很好看的一本书"], save_receipt=receipts.append)
    print(told.scores[0].label, told.receipt.id)
"""

from catenary.serve.answer import Answer, Endpoint, SaveReceipt, answer
from catenary.serve.limits import Limits
from catenary.serve.receipts import ClassifiedText, Receipt, ReleaseStatus

__all__ = [
    "Answer",
    "ClassifiedText",
    "Endpoint",
    "Limits",
    "Receipt",
    "ReleaseStatus",
    "SaveReceipt",
    "answer",
]
