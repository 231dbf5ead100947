"""`/v1/feedback`: what a user says of an answer, kept with its receipt."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from catenary.serve.asked import FeedbackRequest
from catenary.serve.body import read_request, schema_of
from catenary.serve.errors import UNSUPPORTED, ApiError
from catenary.serve.gateway import Gateway, caller_of, opted_out
from catenary.serve.routes.receipts import read_receipt


def feedback_routes(gateway: Gateway) -> APIRouter:
    """See the module. Without a stated consent, what is said may be read and used for nothing else."""
    router = APIRouter()

    @router.post("/v1/feedback", openapi_extra=schema_of(FeedbackRequest))
    async def feedback(request: Request) -> dict[str, Any]:
        asked = await read_request(request, FeedbackRequest, gateway.limits.body_bytes)
        if gateway.add_feedback is None:
            raise ApiError("This receipt is not one that feedback can be given on.", UNSUPPORTED)
        await read_receipt(gateway, asked.receipt, caller_of(request), param="receipt")
        consent = "none" if opted_out(request) else asked.consent
        body = {"value": asked.value, "comment": asked.comment}
        number = await asyncio.to_thread(
            gateway.add_feedback, asked.receipt, asked.kind, body, consent, asked.licence
        )
        return {"id": number, "object": "feedback", "receipt": asked.receipt, "consent": consent}

    return router
