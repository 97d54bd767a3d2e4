"""The sandbox's charts at one fixed moment, and the ways in which a chart reaches the service."""

from functools import cache

import msgspec

from cds_hooks.cards.compose import Voice
from cds_hooks.chart.queries import queries
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer
from cds_hooks.reasoning.library import load
from cds_hooks.service import advise_on
from sandbox import store
from tests.protocol.charts import AT

PATIENTS = tuple(path.stem for path in sorted(store.PATIENTS.glob("*.json")))
"""Ids of all stories, and of their patients."""

_MEDICINES = ("MedicationRequest", "MedicationStatement")


@cache
def library():
    """Our own library."""
    return load()


@cache
def stories(at=AT):
    """Every story by id, with its dates resolved against `at`."""
    return {story.id: story for story in store.load(at).stories}


@cache
def asked():
    """What the service asks for."""
    return queries(library())


def of_kind(*kinds):
    """Ids of the stories of these kinds."""
    return [story.id for story in stories().values() if story.kind in kinds]


def prefetch_of(resources):
    """The chart as an EHR sends it: one answer for each key."""
    return {query.key: _answered(query, resources) for query in asked()}


def advice_on(resources, patient, *, at=AT, without=()):
    """What the service makes of a chart; keys in `without` were not sent. Nothing is fetched."""
    sent = {key: value for key, value in prefetch_of(resources).items() if key not in without}
    answers = {key: Answer((msgspec.json.encode(value),)) for key, value in sent.items()}
    return advise_on(read(asked(), answers, patient, at), library(), at, Voice())


def cards_on(resources, patient, **changes):
    """The cards alone."""
    return advice_on(resources, patient, **changes).cards


@cache
def advice_of(patient):
    """What the service makes of a story as it stands."""
    return advice_on(resources_of(patient), patient)


def cards_of(patient):
    """The cards of a story as it stands."""
    return advice_of(patient).cards


def resources_of(patient):
    """Everything in the chart of a story."""
    return list(stories()[patient].resources)


def _answered(query, resources):
    wanted = {query.resource_type} | ({"Medication"} if query.resource_type in _MEDICINES else set())
    found = [resource for resource in resources if resource["resourceType"] in wanted]
    if "?" not in query.template:
        return found[0] if found else None
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}
