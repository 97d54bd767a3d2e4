import json
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.cards.wire import (
    Action,
    Card,
    FhirAuthorization,
    Link,
    OverrideReason,
    Service,
    Source,
    Suggestion,
    discovery_json,
    outcome_json,
    parse_request,
    response_json,
    with_uuids,
)
from cds_hooks.errors import RequestError
from cds_hooks.model.codes import Coding

CALL = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/example", "patientId": "1288992"},
}
GRANT = {"access_token": "canary-token", "token_type": "Bearer", "expires_in": 300, "scope": "user/*.rs"}
SERVER = {"fhirServer": "https://ehr.example/r4"}
REMOVED = object()


def parsed(**changes):
    return parse_request(json.dumps(without_removed(CALL | changes)).encode())


def without_removed(members):
    return {name: value for name, value in members.items() if value is not REMOVED}


def context(**changes):
    return without_removed(CALL["context"] | changes)


def field_at_fault(body):
    with pytest.raises(RequestError) as caught:
        parse_request(body if isinstance(body, bytes) else json.dumps(without_removed(body)).encode())
    assert "canary" not in str(caught.value)
    return caught.value.field


# ---------------------------------------------------------------- requests


def test_a_call_is_read():
    call = parsed(**SERVER, fhirAuthorization=GRANT)

    assert call.hook == "patient-view"
    assert call.hook_instance == CALL["hookInstance"]
    assert call.context == {"patientId": "1288992", "userId": "Practitioner/example"}
    assert call.patient_id == "1288992"
    assert call.fhir_server == "https://ehr.example/r4"
    assert call.authorization == FhirAuthorization("canary-token", scopes=tuple(GRANT["scope"].split()))


def test_prefetch_stays_as_it_was_sent():
    body = json.dumps(CALL)[:-1] + ', "prefetch": {"a": {"value": 41.50 }, "b": null, "c": []}}'

    assert parse_request(body.encode()).prefetch == {"a": b'{"value": 41.50 }', "b": b"null", "c": b"[]"}


@pytest.mark.parametrize("prefetch", [REMOVED, None, {}])
def test_no_prefetch_is_written_in_three_ways(prefetch):
    assert parsed(prefetch=prefetch).prefetch == {}


def test_unknown_members_are_ignored_everywhere():
    call = parsed(extension={"org.example": 1}, new=[None], context=context(extension={"a": 1}, selections=["x"]))

    assert call.patient_id == "1288992"


def test_a_member_written_twice_counts_as_its_last_writing():
    body = json.dumps(CALL).replace('"hook":', '"hook": "other", "hook":', 1)

    assert parse_request(body.encode()).hook == "patient-view"


def test_a_byte_order_mark_is_no_fault():
    assert parse_request(b"\xef\xbb\xbf" + json.dumps(CALL).encode()).hook == "patient-view"


def test_a_patient_reference_is_taken_for_its_id():
    assert parsed(context=context(patientId="Patient/1288992")).patient_id == "1288992"


@pytest.mark.parametrize("encounter", ["89284", "Encounter/89284"])
def test_the_encounter_is_kept_when_there_is_one(encounter):
    assert parsed(context=context(encounterId=encounter)).context["encounterId"] == "89284"
    assert "encounterId" not in parsed(context=context(encounterId=None)).context


def test_a_hook_instance_that_is_no_uuid_is_accepted():
    assert parsed(hookInstance="42").hook_instance == "42"


@pytest.mark.parametrize("name", ["hook", "hookInstance", "context"])
@pytest.mark.parametrize("value", [REMOVED, None, 5, ["canary"], "", True])
def test_a_required_member_that_is_missing_or_of_another_type_is_named(name, value):
    assert name == field_at_fault(CALL | {name: value})


@pytest.mark.parametrize("name", ["patientId", "userId"])
@pytest.mark.parametrize("value", [REMOVED, None, 5, ["canary"], "", {"reference": "canary"}])
def test_a_required_member_of_the_context_is_named_with_its_path(name, value):
    assert f"context.{name}" == field_at_fault(CALL | {"context": context(**{name: value})})


def test_an_empty_context_lacks_the_patient():
    assert field_at_fault(CALL | {"context": {}}) == "context.patientId"


@pytest.mark.parametrize("value", ["can/ary", "canary?x=1", "canary canary", "canary\n", "../canary", "c" * 65])
def test_a_patient_id_that_is_no_fhir_id_is_refused_and_not_repeated(value):
    assert field_at_fault(CALL | {"context": context(patientId=value)}) == "context.patientId"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prefetch": ["canary"]}, "prefetch"),
        ({"prefetch": "canary"}, "prefetch"),
        ({"fhirServer": 5}, "fhirServer"),
        ({"fhirServer": {"url": "canary"}}, "fhirServer"),
        ({"context": CALL["context"] | {"encounterId": 5}}, "context.encounterId"),
    ],
)
def test_an_optional_member_of_another_type_is_named(changes, field):
    assert field == field_at_fault(CALL | changes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"canary"',
        b"<canary/>",
        b'{"hook": "canary"',
        b'{"hook": "patient-view", }',
        b'{"hook": "patient-view" // canary\n}',
        b'{"hook": NaN}',
        b'{"hook": "\xff\xfe"}',
        b'{"hook": "\\ud800"}',
        b'{"prefetch": ' + b"[" * 100_000,
        b'{"prefetch": ' + b'{"a":' * 100_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body):
    assert field_at_fault(body) == ""


def test_an_authorization_needs_a_server():
    assert field_at_fault(CALL | {"fhirAuthorization": GRANT}) == "fhirServer"
    assert parsed(fhirAuthorization=None).authorization is None


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": REMOVED},
        {"access_token": None},
        {"access_token": 5},
        {"access_token": ""},
        {"access_token": "two words"},
        {"access_token": "line\nbreak"},
        {"token_type": REMOVED},
        {"token_type": "MAC"},
        {"patient": 5},
    ],
)
def test_an_incomplete_authorization_cannot_be_used_and_that_is_all(changes):
    assert parsed(**SERVER, fhirAuthorization=without_removed(GRANT | changes)).authorization is None


@pytest.mark.parametrize("value", ["canary", ["canary"], 5])
def test_an_authorization_of_another_type_cannot_be_used_either(value):
    assert parsed(**SERVER, fhirAuthorization=value).authorization is None


def test_what_we_do_not_need_of_an_authorization_may_be_missing():
    sent = {"access_token": "t", "token_type": "bearer", "patient": "Patient/1288992"}

    assert parsed(**SERVER, fhirAuthorization=sent).authorization == FhirAuthorization("t", "1288992")


def test_neither_token_nor_chart_is_shown():
    call = parsed(**SERVER, fhirAuthorization=GRANT, prefetch={"patient": {"name": "canary-name"}})

    assert "canary" not in repr(call)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["hook", "hookInstance", "context", "prefetch", "fhirServer"]), _JSON))
def test_any_json_is_a_call_or_a_request_error(members):
    try:
        call = parse_request(json.dumps(members).encode())
    except RequestError:
        return
    assert call.hook == members["hook"]


@given(st.binary())
def test_any_bytes_are_a_request_error(body):
    with pytest.raises(RequestError):
        parse_request(body)


# ---------------------------------------------------------------- responses

SOURCE = Source("A guideline", "https://guideline.example/1", "https://guideline.example/i.png", Coding("s", "c"))
FULL = Card(
    summary="Summary",
    indicator="critical",
    source=SOURCE,
    detail="**Detail**",
    suggestions=(
        Suggestion(
            "Order",
            is_recommended=True,
            actions=(
                Action("create", "A count", b'{"resourceType":"ServiceRequest","v":1.50}'),
                Action("delete", "An order", resource_id="ServiceRequest/1"),
            ),
        ),
    ),
    override_reasons=(OverrideReason("code", "system", "display"),),
    links=(Link("Read", "https://guideline.example/2"), Link("App", "https://app.example", "smart", "ctx")),
)
PLAIN = Card(summary="Plain", indicator="info", source=Source("A guideline"))


def sent(*cards):
    return json.loads(response_json(with_uuids(cards, uuid4)))["cards"]


def test_a_full_card_in_the_words_of_the_specification():
    numbers = (UUID(int=n) for n in range(9))

    body = response_json(with_uuids([FULL], lambda: next(numbers)))

    assert b'"v":1.50' in body
    assert json.loads(body) == {
        "cards": [
            {
                "uuid": str(UUID(int=0)),
                "summary": "Summary",
                "detail": "**Detail**",
                "indicator": "critical",
                "source": {
                    "label": "A guideline",
                    "url": "https://guideline.example/1",
                    "icon": "https://guideline.example/i.png",
                    "topic": {"code": "c", "system": "s"},
                },
                "suggestions": [
                    {
                        "label": "Order",
                        "uuid": str(UUID(int=1)),
                        "isRecommended": True,
                        "actions": [
                            {
                                "type": "create",
                                "description": "A count",
                                "resource": {"resourceType": "ServiceRequest", "v": 1.5},
                            },
                            {"type": "delete", "description": "An order", "resourceId": "ServiceRequest/1"},
                        ],
                    }
                ],
                "selectionBehavior": "any",
                "overrideReasons": [{"code": "code", "system": "system", "display": "display"}],
                "links": [
                    {"label": "Read", "url": "https://guideline.example/2", "type": "absolute"},
                    {"label": "App", "url": "https://app.example", "type": "smart", "appContext": "ctx"},
                ],
            }
        ]
    }


def test_what_a_card_does_not_have_is_left_out():
    [card] = sent(PLAIN)

    assert set(card) == {"uuid", "summary", "indicator", "source"}
    assert card["source"] == {"label": "A guideline"}


def test_nothing_to_say_is_an_empty_list():
    assert response_json(()) == b'{"cards":[]}'


def test_every_card_has_a_uuid_of_its_own():
    ids = [UUID(card["uuid"]) for card in sent(PLAIN, PLAIN)]

    assert len(set(ids)) == 2


def test_a_card_without_uuid_does_not_leave():
    with pytest.raises(ValueError, match="with_uuids"):
        response_json([PLAIN])


@pytest.mark.parametrize("summary", ["x" * 139, "×" * 139])
def test_a_summary_may_have_139_characters(summary):
    [card] = sent(Card(summary, "info", SOURCE))

    assert summary == card["summary"]


@pytest.mark.parametrize("summary", ["", "x" * 140])
def test_a_summary_that_is_empty_or_too_long_is_our_fault(summary):
    with pytest.raises(ValueError, match="1 to 139"):
        Card(summary, "info", SOURCE)


def test_discovery_lists_each_service_with_its_prefetch():
    full = Service("a-service", "patient-view", "Title", "Description", "Needs")
    plain = Service("b-service", "patient-view", "Title", "Description")

    listed = json.loads(discovery_json([(full, {"patient": "Patient/{{context.patientId}}"}), (plain, {})]))

    assert listed == {
        "services": [
            {
                "hook": "patient-view",
                "title": "Title",
                "description": "Description",
                "id": "a-service",
                "prefetch": {"patient": "Patient/{{context.patientId}}"},
                "usageRequirements": "Needs",
                "version": "2.0.1",
            },
            {
                "hook": "patient-view",
                "title": "Title",
                "description": "Description",
                "id": "b-service",
                "version": "2.0.1",
            },
        ]
    }


def test_no_service_is_an_empty_list():
    assert discovery_json([]) == b'{"services":[]}'


@pytest.mark.parametrize("fields", [(), ("context.patientId",)])
def test_an_outcome_is_valid_fhir(fields):
    body = outcome_json("invalid", "hook is missing.", fields=fields)

    outcome = OperationOutcome.model_validate_json(body)

    assert outcome.issue[0].details.text == "hook is missing."
    assert (outcome.issue[0].expression or []) == list(fields)


# ---------------------------------------------------------------- what a hook brings

DRAFTS = {"resourceType": "Bundle", "entry": []}
HOOKED = {
    "order-select": {"selections": ["MedicationRequest/a"], "draftOrders": DRAFTS},
    "order-sign": {"draftOrders": DRAFTS},
    "problem-list-item-create": {"conditions": DRAFTS},
}


@pytest.mark.parametrize(
    ("hook", "brought"),
    [
        ("patient-view", {}),
        ("order-select", {"draftOrders": DRAFTS}),
        ("order-sign", {"draftOrders": DRAFTS}),
        ("problem-list-item-create", {"conditions": DRAFTS}),
    ],
)
def test_the_resources_of_a_hook_stay_as_they_were_sent(hook, brought):
    call = parsed(
        hook=hook, context=context(**HOOKED.get(hook, {}), conditionsOfOthers=DRAFTS, appointments=DRAFTS)
    )

    assert {name: json.loads(raw) for name, raw in call.context_resources.items()} == brought


@pytest.mark.parametrize(("hook", "name"), [(hook, name) for hook, members in HOOKED.items() for name in members])
@pytest.mark.parametrize("value", [REMOVED, None, 5, "canary", True])
def test_what_a_hook_must_bring_is_named_when_it_is_missing_or_of_another_type(hook, name, value):
    assert (
        field_at_fault(CALL | {"hook": hook, "context": context(**HOOKED[hook] | {name: value})})
        == f"context.{name}"
    )


@pytest.mark.parametrize("value", [REMOVED, None, "", 5])
def test_a_discharge_needs_its_encounter(value):
    assert field_at_fault(CALL | {"hook": "encounter-discharge", "context": context(encounterId=value)}) == (
        "context.encounterId"
    )


def test_the_hook_of_another_address_is_refused_before_anything_else():
    with pytest.raises(RequestError, match="hook must be order-sign") as caught:
        parse_request(json.dumps(CALL).encode(), "order-sign")
    assert caught.value.field == "hook"


def test_the_rules_of_a_card_are_not_sent():
    [card] = with_uuids([Card("Summary", "info", Source("Label"), rules=("R-A",))], uuid4)

    assert b"R-A" not in response_json([card])
