"""Serve: an endpoint answers, leaves a receipt, and never falls. HTTP lives in this room and nowhere else.

What flows through: a request (`request.py` reads and checks it) is admitted or refused (`admission.py`),
answered off the event loop (`answer.py`: engine, receipt, stored, in this order) and told in OpenAI's words
(`routes.py`); everything that is no success leaves in one envelope (`errors.py`). `app.py` joins them,
`listen.py` runs them.

This page exports the half that needs no HTTP, so that `catenary ask` does not load a web framework; the other
half is `catenary.serve.app.create_app` and `catenary.serve.listen.listen`.

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
