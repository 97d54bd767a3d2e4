"""The real service and the real knowledge, at a fixed instant."""

import pytest
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.cards.compose import Voice
from cds_hooks.chart.queries import queries
from cds_hooks.reasoning.library import load
from cds_hooks.service import SERVICES, advise
from cds_hooks.settings import Settings
from sandbox.store import load as load_stories
from tests.protocol.charts import AT, PATH, PATIENT, bundle, petechiae, platelets


@pytest.fixture(scope="session")
def library():
    return load()


@pytest.fixture(scope="session")
def asked(library):
    """What the service asks for when a chart is opened: Query by prefetch key."""
    return {query.key: query for query in queries(library)}


@pytest.fixture(scope="session")
def service(library):
    async def answer(request, fetch_missing):
        return (await advise(request, fetch_missing, library, AT, Voice("uk", "https://cds.example"))).cards

    def templates(hook):
        return {query.key: query.template for query in queries(library, hook)}

    deployment = Deployment(
        settings=Settings(profile="sandbox"),
        services=tuple((offered, templates(offered.hook)) for offered in SERVICES),
        answer=answer,
        version={"software": "0", "knowledge": library.card.version, "digest": library.digest},
    )
    return TestClient(assemble(deployment))


@pytest.fixture(scope="session")
def call(service):
    """Posts one patient-view call and returns the answer. `prefetch` is the chart by key."""

    def post(prefetch=None, *, patient="p1", **changes):
        body = {
            "hook": "patient-view",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/1", "patientId": patient},
        }
        return service.post(PATH, json=body | ({} if prefetch is None else {"prefetch": prefetch}) | changes)

    return post


@pytest.fixture(scope="session")
def said(call):
    """The cards of one call, without the uuids, which are new each time."""

    def cards(*args, **kwargs):
        response = call(*args, **kwargs)
        assert response.status_code == 200, response.text
        return [_without_uuids(card) for card in response.json()["cards"]]

    return cards


def _without_uuids(card):
    rest = {name: value for name, value in card.items() if name != "uuid"}
    offered = [
        {name: value for name, value in offer.items() if name != "uuid"} for offer in card.get("suggestions", ())
    ]
    return rest | ({"suggestions": offered} if offered else {})


@pytest.fixture
def chart(asked):
    """A prefetch that answers every key: recent petechiae and a platelet count of 8."""
    filed = {
        "Patient": [PATIENT],
        "Condition": [petechiae()],
        "Observation": [platelets(8)],
    }
    return {key: filled(query, filed.get(query.resource_type, [])) for key, query in asked.items()}


@pytest.fixture(scope="session")
def stories(asked):
    """Every chart of the sandbox as (patient id, prefetch)."""

    def prefetch(story):
        return {
            key: filled(
                query, [r for r in story.resources if r["resourceType"] in _WITH.get(key, {query.resource_type})]
            )
            for key, query in asked.items()
        }

    return [(story.patient["id"], prefetch(story)) for story in load_stories(AT).stories]


_WITH = {
    "medicationRequests": {"MedicationRequest", "Medication"},
    "medicationStatements": {"MedicationStatement", "Medication"},
}


def filled(query, resources):
    """What an EHR sends for one query: the resource for a read, a searchset for a search."""
    if "?" in query.template:
        return bundle(*resources)
    return resources[0] if resources else None
