"""HealthChain (PyPI) as its documentation shows a CDS Hooks service: a handler that looks at the prefetch.

With BENCH_FHIR=1 the handler has the framework's own adapter turn the prefetch into FHIR models first.
Runs in an environment of its own (bench/.venv), since the framework pins what we do not.
"""

from __future__ import annotations

import os

from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.io.adapters.cdsfhiradapter import CdsFhirAdapter
from healthchain.models.requests.cdsrequest import CDSRequest
from healthchain.models.responses.cdsresponse import Card, CDSResponse, Source

from bench.peers.rule import fires

_CARD = Card(summary="Check the platelets today", indicator="warning", source=Source(label="Peer"))
_ADAPTER = CdsFhirAdapter("patient-view") if "BENCH_FHIR" in os.environ else None

app = HealthChainAPI()
cds = CDSHooksService()


@cds.hook("patient-view", id="peer")
def look(request: CDSRequest) -> CDSResponse:
    """One card, or none."""
    if _ADAPTER:
        _ADAPTER.parse(request)
    return CDSResponse(cards=[_CARD] if fires(request.prefetch) else [])


app.register_service(cds)
