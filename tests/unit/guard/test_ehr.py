import pytest

from cds_hooks.chart.queries import queries
from cds_hooks.guard.ehr import PROFILES
from cds_hooks.reasoning.library import load as load_library
from tests.signing import client


@pytest.fixture(scope="module")
def templates():
    return {query.key: query.template for query in queries(load_library())}


@pytest.mark.parametrize("ehr", ["default", "epic"])
def test_most_record_systems_are_asked_as_we_ask(templates, ehr):
    assert templates == client(ehr=ehr).offered(templates)


def test_oracle_is_asked_without_what_its_server_does_not_list(templates):
    mine = client(ehr="oracle")

    offered = mine.offered(templates)

    assert templates.keys() - offered.keys() == {"medicationStatements"}
    assert not any("_sort" in template or "_include" in template for template in offered.values())
    assert offered["patient"] == templates["patient"]
    assert offered["medicationRequests"] == "MedicationRequest?patient={{context.patientId}}&_count=200"
    assert mine.unsorted(templates) == {key for key in offered if "_sort" in templates[key]} != set()


def test_a_template_of_the_entry_counts_before_that_of_the_kind(templates):
    ours = {"encounters": "Encounter?patient={{context.patientId}}&_sort=-date"}

    assert client(ehr="oracle", prefetch=ours).offered(templates)["encounters"] == ours["encounters"]


@pytest.mark.parametrize(
    ("ehr", "cds_hooks", "expected"),
    [
        ("default", "2.0", "any"),
        ("default", "1.0", "at-most-one"),
        ("epic", "2.0", "any"),
        ("oracle", "2.0", "at-most-one"),
        ("oracle", "1.0", "at-most-one"),
    ],
)
def test_cards_say_what_the_record_system_understands(ehr, cds_hooks, expected):
    assert expected == client(ehr=ehr, cds_hooks=cds_hooks).selection


def test_the_ordinary_profile_differs_in_nothing():
    assert PROFILES["default"] == type(PROFILES["default"])()
