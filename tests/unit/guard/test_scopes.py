import pytest

from cds_hooks.guard.scopes import is_malformed, may_read


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ((), True),
        (("launch", "openid"), True),
        (("EPIC.FHIR.R4.SERVICES.CONDITION.Read",), True),
        (("user/Condition.read",), True),
        (("user/Condition.Read",), True),
        (("patient/*.read",), True),
        (("system/*.*",), True),
        (("user/Condition.rs",), True),
        (("user/Condition.r",), True),
        (("patient/Condition.s?category=problem-list-item",), True),
        (("patient/Conditions.read",), True),
        (("user/Observation.read",), False),
        (("user/Condition.write",), False),
        (("user/Condition.cud",), False),
        (("user/Condition.",), False),
        (("launch", "user/Observation.rs"), False),
    ],
)
def test_scopes_of_both_grammars_say_what_may_be_read(scopes, expected):
    assert expected == may_read(scopes, "Condition")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("user/Condition.read", False),
        ("user/Condition.rs", False),
        ("launch/patient", False),
        ("openid", False),
        ("user/Condition.sr", True),
        ("patient/Condition.all", True),
        ("system/Condition", True),
    ],
)
def test_what_looks_like_a_scope_about_resources_and_is_none(scope, expected):
    assert expected == is_malformed(scope)
