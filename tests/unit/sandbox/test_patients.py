"""Our patients: valid FHIR R4, each a story of its own, and saying the same thing by the same code."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from sandbox.store import KINDS, PATIENTS, Store, load

FILES = sorted(PATIENTS.glob("*.json"))
# Terminologies of FHIR itself live under the first; the others are what a chart codes with.
SYSTEMS = (
    "http://terminology.hl7.org/CodeSystem/",
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://www.whocc.no/atc",
    "http://unitsofmeasure.org",
)


def every_value(value: Any) -> Iterator[Any]:
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from every_value(part)


def codings(store: Store) -> Iterator[dict[str, str]]:
    for story in store.stories:
        for value in every_value(list(story.resources)):
            if isinstance(value, dict) and {"system", "code"} <= value.keys():
                yield value


def test_there_are_at_least_thirty_patients_and_every_kind_of_story(charts: Store):
    assert len(charts.stories) >= 30
    assert set(KINDS) == {story.kind for story in charts.stories}


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_resource_is_valid_r4(charts: Store, path: Any):
    story = next(story for story in charts.stories if story.id == path.stem)

    for resource in story.resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_file_is_itself_a_collection_bundle_once_its_dates_are_resolved(charts: Store, path: Any):
    written = json.loads(path.read_text(encoding="utf-8"))
    story = next(story for story in charts.stories if story.id == path.stem)

    bundle = {**written, "entry": [{"resource": resource} for resource in story.resources]}

    assert get_fhir_model_class("Bundle").model_validate(bundle).type == "collection"


def test_ids_say_their_story_and_are_fhir_ids(charts: Store):
    for story in charts.stories:
        for resource in story.resources:
            assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"])
            assert resource["id"] == story.id or resource["id"].startswith(f"{story.id}-")


def test_no_story_date_is_left_unresolved(charts: Store):
    texts = [value for story in charts.stories for value in every_value(list(story.resources))]

    assert [] == [text for text in texts if isinstance(text, str) and text.startswith("@")]


def test_nothing_but_a_birth_date_is_written_as_a_fixed_date():
    for path in FILES:
        assert re.search(r'"\d{4}-\d{2}', path.read_text(encoding="utf-8")) is None, path.name


def test_the_stories_are_the_same_whenever_they_are_told(charts: Store):
    ten_years_on = charts.at.replace(year=charts.at.year + 10)

    later = load(ten_years_on)

    assert [story.id for story in charts.stories] == [story.id for story in later.stories]
    assert [len(story.resources) for story in charts.stories] == [len(story.resources) for story in later.stories]


def test_nothing_recorded_lies_ahead(charts: Store, at: datetime):
    latest = max(resource["meta"]["lastUpdated"] for resource in charts.by_reference.values())

    assert datetime.fromisoformat(latest) <= at


def test_names_are_plainly_made_up_and_given_names_are_a_list(charts: Store):
    for story in charts.stories:
        name = story.patient["name"][0]
        assert name["family"].startswith("Example-")
        assert isinstance(name["given"], list)
        assert name["given"]


def test_no_two_patients_share_a_family_name(charts: Store):
    families = [story.patient["name"][0]["family"] for story in charts.stories]

    assert len(set(families)) == len(families)


def test_only_the_misfiled_story_holds_another_patients_entries(charts: Store):
    foreign = {
        story.id
        for story in charts.stories
        for resource in story.resources
        for about in [resource.get("subject") or resource.get("patient") or {}]
        if about.get("reference", f"Patient/{story.id}") != f"Patient/{story.id}"
    }

    assert {"misfiled-other-patient"} == foreign


def test_every_reference_is_answered_but_the_misfiled_patient(charts: Store):
    references = {
        value["reference"]
        for story in charts.stories
        for value in every_value(list(story.resources))
        if isinstance(value, dict) and "reference" in value and not value["reference"].startswith("#")
    }

    assert {"Patient/someone-else"} == references - charts.by_reference.keys()


def test_codes_come_from_known_systems(charts: Store):
    systems = {coding["system"] for coding in codings(charts)}

    assert set() == {system for system in systems if not system.startswith(SYSTEMS)}


def test_a_code_means_the_same_in_every_chart(charts: Store):
    displays = defaultdict(set)
    for coding in codings(charts):
        if "display" in coding:
            displays[coding["system"], coding["code"]].add(coding["display"])

    assert {} == {code: names for code, names in displays.items() if len(names) > 1}


def test_a_clinical_code_always_carries_its_name(charts: Store):
    bare = [
        coding
        for coding in codings(charts)
        if "display" not in coding
        and "value" not in coding
        and not coding["system"].startswith("http://terminology.hl7.org/")
    ]

    assert [] == bare
