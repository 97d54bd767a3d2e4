import re
from dataclasses import fields, replace

import pytest

from cds_hooks.chart.queries import MAX_TEMPLATE, medications_by_id, queries, resolve
from cds_hooks.model.codes import Concept, ConceptCode, Limits
from cds_hooks.model.criteria import Criterion
from cds_hooks.model.findings import AnswerTest, FindingRule, Measure, MedicationTest, Person, Sign, Since, Trend
from cds_hooks.model.library import Library, LibraryCard
from cds_hooks.model.truth import Span


def concept(name, kind, *codes):
    pairs = (code.split("|") for code in codes)
    return Concept(id=name, kind=kind, name=name, codes=tuple(ConceptCode(s, c, "") for s, c in pairs))


CONCEPTS = (
    concept("platelet-count", "lab", "loinc|777-3", "loinc|26515-7"),
    concept("temperature", "vital", "loinc|8310-5"),
    concept("petechiae", "sign", "snomed|271813007", "icd-10-cm|R23.3"),
    concept("lupus", "problem", "snomed|55464009"),
    concept("blood-culture", "lab", "loinc|600-7"),
    concept("smear", "context", "loinc|5909-7"),
    concept("unused", "lab", "loinc|718-7"),
    concept("aspirin", "ingredient", "snomed|387458008"),
    concept("splenectomy", "procedure", "snomed|234319005"),
    concept("menacwy", "vaccine", "snomed|871874000"),
)
RULES = (
    FindingRule(id="a", name="A", measure=Measure(concept="platelet-count")),
    FindingRule(id="b", name="B", sign=Sign(concepts=("petechiae", "lupus"))),
    FindingRule(id="c", name="C", answer=AnswerTest(concepts=("smear",), is_=("present",))),
    FindingRule(id="d", name="D", since=Since(concepts=("blood-culture",), after="b")),
    FindingRule(id="e", name="E", trend=Trend("temperature", "fall", Limits(), Span(), Span())),
    FindingRule(id="f", name="F", person=Person()),
)


def library(rules=RULES, concepts=CONCEPTS, criteria=()):
    empty = {part.name: {} for part in fields(Library)}
    return Library(
        **empty
        | {
            "card": LibraryCard("1", "2026-03-01", gate="b", groups=(), signed_off=False),
            "criteria": {rule.id: rule for rule in criteria},
            "concepts": {concept.id: concept for concept in concepts},
            "findings": {rule.id: rule for rule in rules},
        }
    )


def many(count):
    return tuple(concept(f"lab-{n}", "lab", f"loinc|{10000 + n}-0") for n in range(count))


def templates(**changes):
    return {query.key: query.template for query in queries(library(**changes))}


def codes_asked(found):
    return [
        code
        for key, template in found.items()
        if key.startswith("observationsByCode")
        for code in re.search("&code=([^&]+)", template)[1].split(",")
    ]


def test_every_list_is_asked_for_under_a_readable_key():
    assert list(templates()) == [
        "patient",
        "conditions",
        "observationsByCode1",
        "observationsByCategory",
        "medicationRequests",
        "medicationStatements",
        "encounters",
    ]


def test_each_query_names_the_resource_type_it_asks_for():
    for query in queries(library()):
        assert query.resource_type == re.split("[/?]", query.template)[0]


def test_only_lists_that_are_sorted_say_that_they_are():
    for query in queries(library()):
        assert query.newest_first == ("_sort=-date" in query.template)


def test_observations_are_asked_for_by_the_codes_that_findings_use():
    assert codes_asked(templates()) == [
        "http://loinc.org|26515-7",
        "http://loinc.org|600-7",
        "http://loinc.org|777-3",
        "http://loinc.org|8310-5",
        "http://snomed.info/sct|271813007",
    ]


def test_a_diagnosis_or_circumstance_is_left_to_the_search_by_category():
    asked = codes_asked(templates())

    assert "http://snomed.info/sct|55464009" not in asked
    assert "http://loinc.org|5909-7" not in asked


def test_observations_are_asked_for_by_category_as_well():
    assert "&category=exam,survey,vital-signs,laboratory&" in templates()["observationsByCategory"]


def test_without_codes_nothing_is_asked_by_code():
    assert codes_asked(templates(rules=())) == []


def test_medicines_bring_the_medication_they_point_to():
    found = templates()

    assert "&_include=MedicationRequest:medication&" in found["medicationRequests"]
    assert "&_include=MedicationStatement:medication&" in found["medicationStatements"]


def test_procedures_and_vaccinations_are_asked_for_once_a_finding_uses_one():
    also = (*RULES, FindingRule(id="g", name="G", sign=Sign(concepts=("splenectomy", "menacwy"))))

    found = templates(rules=also)

    assert found["procedures"] == "Procedure?patient={{context.patientId}}&_count=200"
    assert found["immunizations"] == "Immunization?patient={{context.patientId}}&_count=200"
    assert "234319005" not in "".join(codes_asked(found))


@pytest.mark.parametrize("count", [1, 79, 80, 81, 500])
def test_no_template_is_too_long_and_no_code_is_lost(count):
    labs = many(count)
    rules = tuple(FindingRule(id=lab.id, name=lab.id, measure=Measure(concept=lab.id)) for lab in labs)

    found = templates(rules=rules, concepts=labs)

    assert count == len(codes_asked(found)) == len(set(codes_asked(found)))
    assert max(map(len, found.values())) <= MAX_TEMPLATE


def test_the_same_library_asks_the_same():
    assert queries(library()) == queries(library(rules=RULES[::-1], concepts=CONCEPTS[::-1]))


# ---------------------------------------------------------------- filling in


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("Patient/{{context.patientId}}", "Patient/a-1.B"),
        ("Patient/{{ context.patientId }}", "Patient/a-1.B"),
        (
            "Observation?patient={{context.patientId}}&code=http://loinc.org|777-3,http://loinc.org|8310-5&_sort=-date",
            "Observation?patient=a-1.B&code=http://loinc.org%7C777-3,http://loinc.org%7C8310-5&_sort=-date",
        ),
        (
            "MedicationRequest?patient={{context.patientId}}&_include=MedicationRequest:medication",
            "MedicationRequest?patient=a-1.B&_include=MedicationRequest:medication",
        ),
        ("Encounter/{{context.encounterId}}", "Encounter/a%2Fb%3F%26%2C%7C%23"),
        ("Encounter?_id={{context.encounterId}}&_count=1", "Encounter?_id=a%2Fb%3F%26%2C%7C%23&_count=1"),
    ],
)
def test_a_template_becomes_an_encoded_url(template, url):
    assert url == resolve(template, {"patientId": "a-1.B", "encounterId": "a/b?&,|#"})


@pytest.mark.parametrize("template", ["Encounter/{{context.encounterId}}", "Task?owner={{userPractitionerId}}"])
def test_a_template_with_an_unknown_token_is_no_url(template):
    assert resolve(template, {"patientId": "1"}) is None


def test_an_address_without_tokens_stays_as_it_is():
    link = "https://ehr.example/r4?page=a%7Cb+c"

    assert link == resolve(link, {"patientId": "1"})


# ---------------------------------------------------------------- by hook

ORDER_RULE = Criterion(
    "R-ORD", "R-ORD", "medicines", when="g", tiers=(), summary="", advice="", hooks=("order-select", "order-sign")
)
BLAMED = FindingRule(id="g", name="G", medication=MedicationTest(proposed=True, blamed_for=("lupus",)))


def test_where_orders_are_looked_at_only_what_their_rules_need_is_asked_for():
    rule = replace(ORDER_RULE, when="e")
    asked = {query.key: query.template for query in queries(library(criteria=(rule,)), "order-sign")}

    assert codes_asked(asked) == ["http://loinc.org|8310-5", "http://snomed.info/sct|271813007"]


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_allergies_are_asked_for_where_a_rule_blames_a_medicine(hook):
    asked = {query.key: query for query in queries(library((*RULES, BLAMED), criteria=(ORDER_RULE,)), hook)}

    assert "AllergyIntolerance?patient={{context.patientId}}&_count=200" == asked["allergies"].template


@pytest.mark.parametrize("hook", ["patient-view", "encounter-discharge", "problem-list-item-create"])
def test_allergies_are_asked_for_nowhere_else(hook):
    assert "allergies" not in {
        query.key for query in queries(library((*RULES, BLAMED), criteria=(ORDER_RULE,)), hook)
    }


# ---------------------------------------------------------------- medicines that are only pointed to

BASE = "https://ehr.example/r4"


@pytest.mark.parametrize(
    "address",
    [
        "Medication/m1",
        "Medication/m1/_history/3",
        f"{BASE}/Medication/m1",
        f"{BASE}/Medication/m1/_history/3",
    ],
)
@pytest.mark.parametrize("base", [BASE, f"{BASE}/"])
def test_a_medicine_of_the_server_is_asked_for_by_its_id(address, base):
    assert medications_by_id([address], base) == {"medications1": "Medication?_id=m1"}


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/r4/Medication/m1",
        f"{BASE}-evil/Medication/m1",
        f"{BASE}/other/Medication/m1",
        "Substance/m1",
        "urn:uuid:m1",
        "Medication/m1,m2",
        "Medication/m1&_include=*",
        "Medication?identifier=1",
        "",
    ],
)
def test_nothing_else_is_asked_for(address):
    assert medications_by_id([address], BASE) == {}


def test_each_medicine_is_asked_for_once_and_all_together():
    addresses = ["Medication/b", "Medication/a", f"{BASE}/Medication/b"]

    assert medications_by_id(addresses, BASE) == {"medications1": "Medication?_id=a,b"}


def test_more_than_fit_into_a_url_are_parted_and_at_last_left_out():
    found = medications_by_id([f"Medication/{number:036}" for number in range(1000)], BASE)

    assert [*found] == ["medications1", "medications2", "medications3", "medications4"]
    assert all(len(template) <= MAX_TEMPLATE for template in found.values())
