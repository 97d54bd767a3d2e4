"""A chart posted to the service at the instant of the tests: what a replay must equal."""

import hashlib
import json
import re

from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.chart.queries import queries
from cds_hooks.service import SERVICES, advise
from cds_hooks.settings import Settings
from tests.protocol.charts import AT, PATH, bundle
from tests.unit.populations.exports import LIBRARY, VOICE

_UUID = re.compile(rb'"uuid":"[^"]+"')
_NONE = b'"uuid":"00000000-0000-0000-0000-000000000000"'


def service(at=AT):
    """The web service with the clock stopped."""

    async def answer(request, fetch_missing):
        return (await advise(request, fetch_missing, LIBRARY, at, VOICE)).cards

    def templates(hook):
        return {query.key: query.template for query in queries(LIBRARY, hook)}

    deployment = Deployment(
        settings=Settings(profile="sandbox"),
        services=tuple((offered, templates(offered.hook)) for offered in SERVICES),
        answer=answer,
        version={"software": "0", "knowledge": LIBRARY.card.version, "digest": LIBRARY.digest},
    )
    return TestClient(assemble(deployment))


def prefetch_of(resources, listed=None):
    """The chart as a client sends it: each list under its keys, Medications beside medicines, the rest apart."""
    by_type = {}
    for resource in resources:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    medications = by_type.pop("Medication", [])
    asked = queries(LIBRARY)
    prefetch = {
        query.key: bundle(*by_type.get(query.resource_type, []))
        for query in asked
        if listed is None or query.resource_type in listed
    }
    for key in ("medicationRequests", "medicationStatements"):
        if key in prefetch:
            prefetch[key]["entry"] += [{"resource": one, "search": {"mode": "include"}} for one in medications]
    known = {query.resource_type for query in asked}
    others = [one for kind, some in by_type.items() if kind not in known for one in some]
    return prefetch | ({"others": bundle(*others)} if others else {})


def posted(resources, patient, *, at=AT, listed=None, client=None):
    """SHA-256 of the answer with every uuid zero (empty without cards), and the indicators; None: no answer."""
    body = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": patient},
        "prefetch": prefetch_of(resources, listed),
    }
    response = (client or service(at)).post(PATH, json=body)
    if response.status_code != 200:
        return None
    cards = json.loads(response.content)["cards"]
    digest = hashlib.sha256(_UUID.sub(_NONE, response.content)).hexdigest() if cards else ""
    return digest, tuple(card["indicator"] for card in cards)
