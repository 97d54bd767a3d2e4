"""The whole service at a fixed moment, and the sandbox's FHIR server as the EHR it may ask."""

import asyncio
import re
from functools import cache

import httpx2
import msgspec
import pytest
import respx
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.cards.compose import Voice
from cds_hooks.chart.queries import resolve
from cds_hooks.service import SERVICES, advise
from cds_hooks.settings import Settings
from sandbox import store
from sandbox.ehr import fhir_router
from tests.end_to_end.charts import asked, library
from tests.protocol.charts import AT, FHIR, PATH

_PAGE = "_count=200"
_UUID = re.compile(rb'"uuid":"[0-9a-f-]{36}",')


@pytest.fixture(scope="session")
def service():
    async def answer(request, fetch_missing):
        return (await advise(request, fetch_missing, library(), AT, Voice())).cards

    templates = {query.key: query.template for query in asked()}
    deployment = Deployment(
        settings=Settings(profile="sandbox", fetch_deadline_s=5),
        services=tuple((offered, templates) for offered in SERVICES),
        answer=answer,
        version={"software": "0", "knowledge": library().card.version, "digest": library().digest},
    )
    with TestClient(assemble(deployment)) as client:
        yield client


@pytest.fixture(scope="session")
def fhir_app():
    charts = store.load(AT)
    return fhir_router(lambda: charts, base_url=FHIR)


@pytest.fixture(scope="session")
def answered(fhir_app):
    """What the sandbox's FHIR server answers to an address, within this process; asked once for each."""
    inside = httpx2.AsyncClient(transport=httpx2.ASGITransport(fhir_app), trust_env=False)
    known = {}

    async def ask(address):
        if address not in known:
            answer = await inside.get(address, headers={"accept": "application/fhir+json"})
            assert answer.status_code == 200, answer.text
            known[address] = answer.content
        return known[address]

    return ask


@pytest.fixture(scope="session")
def sent_by_the_ehr(answered):
    """The prefetch of one patient as the EHR fills it: each template asked at its own FHIR server."""

    async def fill(patient, page_size):
        context = {"patientId": patient, "userId": "Practitioner/1"}
        addresses = {query.key: resolve(query.template, context) for query in asked()}
        return {
            key: msgspec.json.decode(await answered(f"{FHIR}/{address.replace(_PAGE, f'_count={page_size}')}"))
            for key, address in addresses.items()
        }

    return lambda patient, page_size=200: asyncio.run(fill(patient, page_size))


@pytest.fixture
def ehr(answered):
    """The EHR's server, reached through the real HTTP client; its calls are counted."""

    async def from_the_sandbox(request):
        return httpx2.Response(200, content=await answered(str(request.url)))

    with respx.mock(base_url=FHIR, assert_all_called=False) as mock:
        mock.route(method="GET").mock(side_effect=from_the_sandbox)
        yield mock


@pytest.fixture(scope="session")
def said(service):
    """The body of an answer as bytes, without the uuids, which are new each time."""

    def post(patient, prefetch=None, **more):
        call = {
            "hook": "patient-view",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/1", "patientId": patient},
        }
        body = call | ({} if prefetch is None else {"prefetch": prefetch}) | more
        answer = service.post(
            PATH, content=msgspec.json.encode(body), headers={"content-type": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        return _UUID.sub(b"", answer.content)

    return post


@pytest.fixture(scope="session")
def said_of_the_sent(said, sent_by_the_ehr):
    """The answer to a chart of which everything was sent; asked once for each patient."""
    return cache(lambda patient: said(patient, sent_by_the_ehr(patient)))
