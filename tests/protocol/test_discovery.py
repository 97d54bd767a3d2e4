"""Discovery, and the prefetch templates it publishes."""

import re
from itertools import pairwise

import pytest

from cds_hooks.chart.queries import MAX_TEMPLATE

TOKENS = {"context.patientId", "context.userId", "context.encounterId"}
"""What each of our hooks marks as usable in prefetch."""

HOOKS = {"patient-view", "order-select", "order-sign", "encounter-discharge", "problem-list-item-create"}
COMMON = {"patient", "code", "category", "_count", "_sort"}
EXCEPTION = {"_include"}


@pytest.fixture(scope="session")
def listed(service):
    response = service.get("/cds-services")
    assert response.status_code == 200
    return response.json()["services"]


@pytest.fixture(scope="session")
def templates(listed):
    return [template for offered in listed for template in offered["prefetch"].values()]


def parameters(template):
    return [tuple(part.split("=", 1)) for part in template.partition("?")[2].split("&") if part]


def test_discovery_is_an_object_with_a_list_of_services(service):
    assert list(service.get("/cds-services").json()) == ["services"]


def test_every_service_says_what_the_specification_requires(listed):
    for offered in listed:
        assert offered["hook"] in HOOKS
        assert all(isinstance(offered[name], str) for name in ("id", "title", "description", "usageRequirements"))
        assert offered["version"] == "2.0.1"


def test_every_id_can_stand_in_a_url_and_answers(service, listed):
    for offered in listed:
        assert re.fullmatch(r"[a-z0-9-]+", offered["id"])
        assert service.post(f"/cds-services/{offered['id']}", json={}).status_code == 400


def test_an_id_stands_for_one_hook_only(listed):
    ids = [offered["id"] for offered in listed]

    assert len(set(ids)) == len(ids)


def test_a_template_is_a_read_or_a_search_relative_to_the_base(templates):
    for template in templates:
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{[^}]+\}\}|\?.+)", template)


def test_tokens_are_first_level_members_of_the_context(templates):
    for template in templates:
        assert set(re.findall(r"\{\{(.*?)\}\}", template)) <= TOKENS


def test_templates_stay_in_the_common_subset(templates):
    for template in templates:
        names = {name for name, _ in parameters(template)}
        medicines = template.startswith(("MedicationRequest?", "MedicationStatement?"))
        assert names <= COMMON | (EXCEPTION if medicines else set())


def test_search_parameters_are_equalities_without_modifier_chain_or_date(templates):
    for template in templates:
        for name, value in parameters(template):
            assert re.fullmatch(r"_?[a-z]+", name)
            assert not re.match(r"(eq|ne|lt|gt|le|ge|sa|eb|ap)\d", value)


def test_the_newest_first_sort_is_written_as_in_r4(templates):
    assert {value for t in templates for name, value in parameters(t) if name == "_sort"} == {"-date"}


def test_no_template_names_a_parameter_twice(templates):
    for template in templates:
        names = [name for name, _ in parameters(template)]
        assert len(set(names)) == len(names)


def test_templates_are_not_percent_encoded(templates):
    assert not any("%" in template for template in templates)


def test_templates_hold_no_date_token(templates):
    assert not any("today" in template for template in templates)


def test_no_template_is_longer_than_a_url_may_be(templates):
    assert max(map(len, templates)) <= MAX_TEMPLATE


def test_keys_are_stable_readable_names(listed):
    for key in listed[0]["prefetch"]:
        assert re.fullmatch(r"[a-z][A-Za-z]+\d*", key)


def test_templates_follow_each_other_without_depending_on_each_other(templates):
    for earlier, later in pairwise(templates):
        assert "%" not in later
        assert earlier != later
