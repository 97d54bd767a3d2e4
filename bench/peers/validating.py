"""FastAPI with fhir.resources: every resource of the prefetch is parsed and validated, as typed services do."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel

from bench.peers.rule import LIMIT, PETECHIAE, PLATELETS, resources

_CARD = {"summary": "Check the platelets today", "indicator": "warning", "source": {"label": "Peer"}}


class Call(BaseModel):
    """A CDS Hooks request."""

    hook: str
    hookInstance: str  # noqa: N815  # the name of the specification
    context: dict[str, Any]
    prefetch: dict[str, Any]


app = FastAPI()


@app.post("/cds-services/peer")
async def answer(call: Call) -> dict[str, Any]:
    """One card, or none."""
    parsed = [get_fhir_model_class(one["resourceType"]).model_validate(one) for one in resources(call.prefetch)]
    return {"cards": [_CARD] if any(map(_fires, parsed)) else []}


def _fires(resource: Any) -> bool:  # noqa: ANN401  # whichever model the type has
    kind = resource.get_resource_type()
    if kind == "Condition":
        return PETECHIAE in {coding.code for coding in resource.code.coding}
    if kind != "Observation" or PLATELETS not in {coding.code for coding in resource.code.coding}:
        return False
    return bool(resource.valueQuantity.value < LIMIT)
