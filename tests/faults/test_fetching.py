"""Every fault of a FHIR server × every query: the cards, the gaps that they name, and an answer in time.

Short by default; CDS_NIGHTLY=1 asks every query with the deadline of a real deployment.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.breaker import FAILURES
from cds_hooks.cards.compose import Voice
from cds_hooks.chart.queries import queries, resolve
from cds_hooks.chart.record import LIST_WORDS
from cds_hooks.reasoning.library import load
from cds_hooks.service import SERVICES, advise
from cds_hooks.settings import Settings
from cds_hooks.transport import Client
from tests.faults import fhir_server
from tests.faults.fhir_server import answering, refusing, silent
from tests.protocol.charts import AT, PATH, PATIENT, ago, bundle, petechiae, platelets
from tests.servers import serving

NIGHTLY = os.environ.get("CDS_NIGHTLY", "") == "1"
DEADLINE_S = 1.5 if NIGHTLY else 1.0
UNHURRIED_S = 5.0
GRACE_S = 0.1
"""How much later than its deadline an answer may be."""
TRIES = 5

LIBRARY = load()
ASKED = {query.key: query for query in queries(LIBRARY)}
URLS = {key: unquote(resolve(query.template, {"patientId": "p1"}) or "") for key, query in ASKED.items()}
KEYS = (
    tuple(ASKED)
    if NIGHTLY
    else (
        "patient",
        "conditions",
        "observationsByCode1",
        "observationsByCategory",
        "medicationRequests",
        "encounters",
    )
)
SORTED = {"Observation", "Encounter"}
ESSENTIAL = {"Condition", "Observation"}
MEDICINES = {"MedicationRequest", "MedicationStatement"}

# ---------------------------------------------------------------- the charts

HYPERTENSION = petechiae(id="c2", code={"text": "Hypertension"}, onsetDateTime="2015", recordedDate="2015")
OLD_COUNT = platelets(240, id="o2", effectiveDateTime=ago(days=40))
VISITS = [
    {
        "resourceType": "Encounter",
        "id": f"e{days}",
        "status": "finished",
        "subject": {"reference": "Patient/p1"},
        "period": {"start": ago(days=days), "end": ago(days=days)},
    }
    for days in (1, 40)
]
PILL = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "authoredOn": ago(days=3),
    "medicationReference": {"reference": "Medication/pill", "display": "Metformin"},
}
METFORMIN = {"resourceType": "Medication", "id": "pill", "code": {"text": "Metformin"}}
SILENT = {
    "Patient": [PATIENT],
    "Condition": [HYPERTENSION],
    "Observation": [platelets(250), OLD_COUNT],
    "Encounter": VISITS,
    "MedicationRequest": [PILL],
    "Medication": [METFORMIN],
}
FIRING = SILENT | {"Condition": [HYPERTENSION, petechiae()], "Observation": [platelets(8), OLD_COUNT]}


def filed(chart, path):
    """What the server has for a question."""
    kind = path.removeprefix("/fhir/").partition("?")[0].partition("/")[0]
    found = chart.get(kind, [])
    return bundle(*found) if "?" in path else found[0]


def key_of(path):
    """The prefetch key that a question, or a next page of it, answers."""
    asked = unquote(path.removeprefix("/fhir/"))
    return next(
        (key for key, url in URLS.items() if asked.partition("&page=")[0].partition("&again=")[0] == url), ""
    )


# ---------------------------------------------------------------- the service


class Answered(NamedTuple):
    """One answer of the service."""

    status: int
    text: str
    cards: list
    seconds: float

    def said(self, words):
        """Whether a card says so."""
        return any(words in card["detail"] for card in self.cards)


class Services(NamedTuple):
    """The same service with two deadlines: with much time, only what never ends runs into it."""

    hurried: TestClient
    unhurried: TestClient


@pytest.fixture(scope="module")
def services():
    with running(DEADLINE_S) as hurried, running(UNHURRIED_S) as unhurried:
        yield Services(hurried, unhurried)


@contextmanager
def running(deadline_s):
    async def answer(request, fetch_missing):
        return (await advise(request, fetch_missing, LIBRARY, AT, Voice("uk"))).cards

    deployment = Deployment(
        settings=Settings(profile="sandbox", fetch_deadline_s=deadline_s),
        services=tuple((offered, {}) for offered in SERVICES),
        answer=answer,
        version={"software": "0"},
        client=Client(lambda _host: True),
    )
    with TestClient(assemble(deployment)) as browser:
        unhindered(browser, FIRING)  # what is worked out once is worked out now
        yield browser


def called(service, base, prefetch=None):
    body = {
        "hook": "patient-view",
        "hookInstance": "1",
        "context": {"patientId": "p1", "userId": "Practitioner/1"},
        "fhirServer": f"{base}/fhir",
        "prefetch": prefetch or {},
    }
    started = time.perf_counter()
    response = service.post(PATH, json=body)
    seconds = time.perf_counter() - started
    return Answered(response.status_code, response.text, response.json().get("cards", []), seconds)


def asked_of(services, chart, fault, keys):
    """The answer when these questions meet the fault, and all others are answered from the chart.

    With a fault that never ends it must come in time.
    """

    def answer(to):
        (fault if key_of(to.path) in keys else answering)(to, filed(chart, to.path))

    def asked(service):
        with serving(answer) as ehr:
            return called(service, ehr.url)

    return in_time(services.hurried, chart, asked) if fault in WAITING else asked(services.unhurried)


def in_time(service, chart, asked):
    """The answer, which must come within the deadline and the grace, or what the machine needs just now instead.

    A busy machine may be late now and then; a service that waits too long is late every time.
    """
    for _ in range(TRIES):
        answered = asked(service)
        late_s = answered.seconds - DEADLINE_S
        if late_s < GRACE_S or late_s < unhindered(service, chart):
            return answered
    return pytest.fail(f"answered after {answered.seconds:.2f} s, the deadline is {DEADLINE_S} s")


def unhindered(service, chart):
    """Seconds that a call takes at this moment when nothing is wrong: several times GRACE_S on a busy machine."""
    with serving(lambda to: answering(to, filed(chart, to.path))) as ehr:
        return called(service, ehr.url).seconds


# ---------------------------------------------------------------- the table

DELIVERED = "the server could not deliver them"
IN_TIME = "the server did not answer in time"
READABLE = "not readable"
PARTLY = "only partly supplied"
PERMITTED = "no permission to read them"
KEPT = "not kept by this server"
KNOWN = "not known to this server"

_OF_LATER = {
    "a next page elsewhere": PERMITTED,
    "a failed next page": DELIVERED,
    "a silent next page": IN_TIME,
    "a next page that is no JSON": READABLE,
    "a next page that has gone": DELIVERED,
}


def everywhere(words):
    """The same words whatever was asked."""
    return lambda _kind: words


def not_there(kind):
    return KNOWN if kind == "Patient" else "" if kind in MEDICINES else KEPT


def gone(kind):
    return KNOWN if kind == "Patient" else DELIVERED


def later(words):
    """A sorted list reaches back far enough with its first page."""
    return lambda kind: "" if kind in SORTED else words


TABLE: Mapping[str, tuple] = {
    **{name: (fault, everywhere("")) for name, fault in fhir_server.HARMLESS.items()},
    **{name: (fault, everywhere(IN_TIME)) for name, fault in fhir_server.SLOW.items()},
    **{name: (fault, everywhere(DELIVERED)) for name, fault in fhir_server.FAILED.items()},
    **{name: (fault, everywhere(READABLE)) for name, fault in fhir_server.UNREADABLE.items()},
    **{name: (fault, everywhere(PERMITTED)) for name, fault in fhir_server.DENIED.items()},
    **{name: (fault, not_there) for name, fault in fhir_server.NOT_THERE.items()},
    **{name: (fault, gone) for name, fault in fhir_server.GONE.items()},
    **{name: (fault, everywhere(DELIVERED)) for name, fault in fhir_server.OUTCOME.items()},
}
"""Fault -> how it is done, and the words for it by resource type; none: it is no gap."""
PAGED: Mapping[str, tuple] = {
    **{name: (fault, everywhere(PARTLY)) for name, fault in fhir_server.LONG.items()},
    **{name: (fault, later(_OF_LATER[name])) for name, fault in fhir_server.LATER.items()},
}
"""As TABLE, of searches only."""
WAITING = {*fhir_server.SLOW.values(), fhir_server.LATER["a silent next page"]}
GAPS = {name: row for name, row in TABLE.items() if name not in fhir_server.HARMLESS}
ROWS = [
    pytest.param(fault, words(ASKED[key].resource_type), key, id=f"{key}: {name}")
    for name, (fault, words) in chain(TABLE.items(), PAGED.items())
    for key in KEYS
    if name in TABLE or "?" in ASKED[key].template
]


def test_the_table_has_every_fault():
    assert len(TABLE) + len(PAGED) >= 40
    assert len(ROWS) >= 200


@pytest.mark.parametrize(("fault", "words", "key"), ROWS)
def test_a_chart_that_speaks_still_speaks_and_says_what_was_not_seen(services, fault, words, key):
    answered = asked_of(services, FIRING, fault, {key})

    assert answered.status == 200
    assert answered.cards[0]["indicator"] == "critical"
    about = f"{LIST_WORDS[ASKED[key].resource_type]}: "
    assert answered.said(about + words) if words else not answered.said(about)


@pytest.mark.parametrize(("fault", "words", "key"), ROWS)
def test_a_silent_chart_says_what_of_the_essential_was_not_seen_and_nothing_else(services, fault, words, key):
    answered = asked_of(services, SILENT, fault, {key})
    kind = ASKED[key].resource_type
    is_said = kind == "Condition" or (kind == "Observation" and words != PARTLY)

    if words == KNOWN:
        assert (answered.status, answered.cards) == (412, [])
    elif words and is_said:
        assert (answered.status, [card["indicator"] for card in answered.cards]) == (200, ["info"])
        assert answered.said(f"{LIST_WORDS[kind]}: {words}")
    else:
        assert (answered.status, answered.cards) == (200, [])


@pytest.mark.parametrize("fault", [fault for fault, _ in GAPS.values()], ids=GAPS)
def test_a_server_that_fails_everywhere_is_a_refusal_and_never_silence(services, fault):
    answered = asked_of(services, FIRING, fault, set(ASKED))

    assert answered.status == 412
    assert "p1" not in answered.text


def test_a_server_that_is_not_there_is_a_refusal(services):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        answered = called(services.unhurried, f"http://127.0.0.1:{nobody.getsockname()[1]}")

    assert answered.status == 412
    assert "call again later" in answered.text


def test_a_server_that_takes_no_connections_costs_the_deadline_and_no_more(services):
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())

        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        answered = in_time(services.hurried, FIRING, lambda service: called(service, url))

    assert answered.status == 412


# ---------------------------------------------------------------- medicines that are only pointed to


@pytest.mark.parametrize(
    "fault", [silent, refusing(404), refusing(500), refusing(403)], ids=["silence", "404", "500", "403"]
)
def test_a_medicine_that_cannot_be_fetched_costs_no_more_than_its_name(services, fault):
    nameless = PILL | {"medicationReference": {"reference": "Medication/pill"}}
    answered = asked_of(services, FIRING | {"MedicationRequest": [nameless]}, fault, {""})

    assert answered.status == 200
    assert answered.cards[0]["indicator"] == "critical"
    assert answered.said("1 medication could not be identified")


def test_all_medicines_are_asked_for_in_one_question(services):
    pills = [
        PILL | {"id": f"m{number}", "medicationReference": {"reference": f"Medication/{number}"}}
        for number in range(12)
    ]
    with serving(lambda to: answering(to, filed(FIRING | {"MedicationRequest": pills}, to.path))) as ehr:
        called(services.unhurried, ehr.url)

    [asked] = [path for path, _ in ehr.asked if path.startswith("/fhir/Medication?")]
    assert len(asked.partition("_id=")[2].split(",")) == 12


# ---------------------------------------------------------------- tried once more


@pytest.mark.parametrize("fault", [refusing(503), fhir_server.resetting], ids=["503", "reset"])
def test_what_failed_once_is_asked_once_more_and_costs_nothing(services, fault):
    failed = set()

    def once(to, good):
        first = to.path not in failed
        failed.add(to.path)
        (fault if first else answering)(to, good)

    answered = asked_of(services, FIRING, once, set(ASKED))

    assert answered.cards[0]["indicator"] == "critical"
    assert not answered.said(DELIVERED)


# ---------------------------------------------------------------- the breaker


def test_a_server_that_answers_nothing_is_left_alone_and_its_neighbour_is_not(services):
    chart = {"conditions": bundle(HYPERTENSION)}
    with (
        serving(lambda to: refusing(500)(to, None)) as ill,
        serving(lambda to: answering(to, filed(FIRING, to.path))) as well,
    ):
        for _ in range(FAILURES):
            assert called(services.unhurried, ill.url, chart).said(DELIVERED)
        before = len(ill.asked)
        resting = called(services.unhurried, ill.url, chart)
        neighbour = called(services.unhurried, well.url)

    assert len(ill.asked) == before
    assert resting.said("the server is not answering at present")
    assert neighbour.cards[0]["indicator"] == "critical"


def test_a_chart_without_anything_is_refused_while_the_server_rests(services):
    with serving(lambda to: refusing(500)(to, None)) as ill:
        answers = [called(services.unhurried, ill.url) for _ in range(FAILURES + 1)]

    assert {answer.status for answer in answers} == {412}
    assert "call again later" in answers[-1].text
