import json

import pytest

from cds_hooks.chart.record import Answer
from cds_hooks.errors import SettingsError
from cds_hooks.guard.clients import load
from cds_hooks.model.results import GapReason
from cds_hooks.settings import AllowList, parse_base
from tests.signing import BASE, ISS, JKU, PUBLIC_DEMO_KEY, client, clients, clients_file, jwks, key

TEMPLATES = {
    "conditions": "Condition?patient={{context.patientId}}",
    "statements": "MedicationStatement?patient={{context.patientId}}&_include=MedicationStatement:medication",
    "byCode": "Observation?patient={{context.patientId}}&code=x",
    "byCategory": "Observation?patient={{context.patientId}}&category=y",
}


def loaded(path, **how):
    return load(path, TEMPLATES, **how)


def reasons(path, **how):
    with pytest.raises(SettingsError) as caught:
        loaded(path, **how)
    return caught.value.reasons


def written(folder, text):
    path = folder / "clients.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# ---------------------------------------------------------------- reading the file


def test_an_entry_needs_an_issuer_and_keys_only(tmp_path):
    path = written(tmp_path, f'general:\n  iss: "{ISS}"\n  jku: "{JKU}"\n')

    known = loaded(path).by_name["general"]

    assert (known.name, known.iss, known.key_source) == ("general", ISS, JKU)
    assert known.algorithms == ("ES384", "RS384")
    assert (known.leeway_s, known.ehr, known.cds_hooks, known.fhir_bases) == (60, "default", "2.0", ())


def test_everything_an_entry_can_say(tmp_path):
    path = clients_file(
        tmp_path,
        jku=JKU,
        algorithms=["RS384"],
        audiences=["word"],
        tenants=["t1"],
        scopes=["user/*.read"],
        prefetch={"statements": None, "conditions": "Condition?patient={{context.patientId}}&_count=50"},
        ehr="oracle",
        cds_hooks="1.0",
        leeway_s=120,
        allow_private=True,
    )

    known = loaded(path).by_name["general"]

    assert known.key_source == str(tmp_path / "keys.json")
    assert known.bases == (parse_base(BASE),)
    assert known.prefetch["statements"] is None


def test_an_address_of_keys_may_have_a_query(tmp_path):
    assert loaded(clients_file(tmp_path, jku=f"{JKU}?v=1"))


def test_named_servers_narrow_the_bases_and_never_widen_them(tmp_path):
    path = clients_file(tmp_path, fhir_bases=[BASE, "https://ehr.example/test"])
    narrow = AllowList((parse_base(BASE), parse_base("https://other.example/r4")))

    assert loaded(path, allow_list=narrow).by_name["general"].fhir_bases == (BASE,)


# ---------------------------------------------------------------- what is wrong with a file


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert reasons(tmp_path / "clients.yaml") == ("clients.yaml:1: cannot be read; put the file there",)


@pytest.mark.parametrize("text", ["", "[]", "just text"])
def test_a_file_names_at_least_one_client(tmp_path, text):
    assert "names no client" in reasons(written(tmp_path, text))[0]


@pytest.mark.parametrize("entry", ["5", '{name: "x", iss: "y", jku: "https://z.example/k"}'])
def test_an_entry_is_a_mapping_without_a_name_inside(tmp_path, entry):
    assert reasons(written(tmp_path, f"general: {entry}")) == (
        "clients.yaml:1: general: an entry is a mapping, and its key is its name",
    )


@pytest.mark.parametrize(
    ("changes", "member", "words"),
    [
        ({"iss": ""}, "iss", "must be what the client's tokens say"),
        ({"iss": "https://*.example"}, "iss", "compared and not matched"),
        ({"ehr": "epic", "cds_hooks": "1.0"}, "cds_hooks", "epic takes selectionBehavior any only"),
        ({"key_file": None}, "jku", "is missing"),
        ({"jku": "http://ehr.example/jwks.json"}, "jku", "must be https"),
        ({"jku": "http://127.0.0.1/jwks.json"}, "jku", "must be https"),
        ({"jku": "https://user@ehr.example/jwks.json"}, "jku", "is not an http(s) address"),
        ({"key_file": "gone.json"}, "key_file", "cannot be read"),
        ({"key_file": "clients.yaml"}, "key_file", "is not a JWK set"),
        ({"algorithms": []}, "algorithms", "is empty"),
        ({"fhir_bases": [BASE, "http://ehr.example/r4"]}, "fhir_bases", "entry 2 must be https"),
        ({"fhir_bases": ["https://ehr.example/../r4"]}, "fhir_bases", "entry 1 is not an"),
        ({"scopes": ["launch", "user/Observation.all"]}, "scopes", "entry 2 is no SMART scope"),
        ({"leeway_s": 121}, "leeway_s", "0 to 120"),
        ({"leeway_s": -1}, "leeway_s", "0 to 120"),
        ({"prefetch": {"nothing": "Condition?a={{context.patientId}}"}}, "prefetch", "nothing is no prefetch key"),
        ({"prefetch": {"conditions": "Patient/{{context.patientId}}"}}, "prefetch", "search of Condition"),
        ({"prefetch": {"conditions": "Condition?patient=1"}}, "prefetch", "search of Condition"),
        ({"prefetch": {"conditions": "/Condition?p={{context.patientId}}"}}, "prefetch", "search of Condition"),
        (
            {"prefetch": {"conditions": "https://e.example/Condition?p={{context.patientId}}"}},
            "prefetch",
            "search",
        ),
        ({"prefetch": {"conditions": "Condition?p={{context.patientId}}&d={{today}}"}}, "prefetch", "search"),
        ({"prefetch": {"conditions": None}}, "prefetch", "leaves no query of Condition"),
        ({"prefetch": {"byCode": None, "byCategory": None}}, "prefetch", "leaves no query of Observation"),
        ({"iss": "https://sandbox.cds-hooks.org"}, "iss", "public CDS Hooks sandbox"),
        ({"jku": "https://sandbox.cds-hooks.org/.well-known/jwks.json"}, "iss", "public CDS Hooks sandbox"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, changes, member, words):
    [reason] = reasons(clients_file(tmp_path, **changes))

    assert reason.startswith(f"clients.yaml:1: general.{member}: ")
    assert words in reason


@pytest.mark.parametrize("leeway_s", [0, 120])
def test_clocks_may_differ_by_nothing_and_by_two_minutes(tmp_path, leeway_s):
    assert loaded(clients_file(tmp_path, leeway_s=leeway_s)).by_name["general"].leeway_s == leeway_s


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("algorithms: [HS256]", "algorithms"),
        ("algorithms: [none]", "algorithms"),
        ("secret: x", "secret"),
        ("cds_hooks: 1.0", "quoted decimal"),
        ("leeway_s: soon", "leeway_s"),
        ("ehr: cerner", "ehr"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_line(tmp_path, text, words):
    path = written(tmp_path, f'general:\n  iss: "{ISS}"\n  jku: "{JKU}"\n  {text}\n')

    [reason] = reasons(path)

    assert reason.startswith("clients.yaml:4: ")
    assert words in reason


def test_the_key_of_the_public_sandbox_is_refused_under_any_name(tmp_path):
    path = clients_file(tmp_path)
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [PUBLIC_DEMO_KEY]}))

    assert "private half is published" in reasons(path)[0]
    assert loaded(path, sandbox=True)


def test_every_fault_of_every_entry_is_told_at_once(tmp_path):
    path = written(
        tmp_path,
        f'a:\n  iss: "{ISS}"\n  leeway_s: 500\nb:\n  iss: "{ISS}"\n  jku: "http://ehr.example/k"\n',
    )

    assert [reason.partition(": ")[0] for reason in reasons(path)] == [
        "clients.yaml:5",
        "clients.yaml:3",
        "clients.yaml:2",
        "clients.yaml:6",
    ]


def test_every_entry_that_cannot_be_understood_is_told_at_once(tmp_path):
    lines = {reason.partition(": ")[0] for reason in reasons(written(tmp_path, "a: {iss: 5}\nb: {jku: 5}\n"))}

    assert lines == {"clients.yaml:1", "clients.yaml:2"}


def test_an_entry_that_is_none_is_told_with_its_own_line(tmp_path):
    path = written(tmp_path, f'good:\n  iss: "{ISS}"\n  jku: "{JKU}"\nbad: 5\n')

    assert reasons(path) == ("clients.yaml:4: bad: an entry is a mapping, and its key is its name",)


def test_the_second_entry_of_an_issuer_is_told_with_the_line_of_its_issuer(tmp_path):
    path = written(tmp_path, f'a:\n  iss: "{ISS}"\n  jku: "{JKU}"\nb:\n  jku: "{JKU}"\n  iss: "{ISS}"\n')

    assert [reason.partition(": ")[0] for reason in reasons(path)] == ["clients.yaml:6"]


def test_the_address_of_the_public_sandbox_is_refused_outside_the_sandbox_only(tmp_path):
    path = clients_file(tmp_path, iss="https://sandbox.cds-hooks.org")

    assert "so it proves nothing here" in reasons(path)[0]
    assert loaded(path, sandbox=True)


def test_a_query_is_of_the_type_before_its_first_mark(tmp_path):
    ours = {"conditions": "Condition?patient={{context.patientId}}&code=http://snomed.info/sct|1"}

    assert loaded(clients_file(tmp_path, prefetch=ours)).by_name["general"].prefetch == ours


@pytest.mark.parametrize(
    ("first", "second", "fine"),
    [
        ([], [], False),
        (["t1"], [], False),
        (["t1"], ["t1", "t2"], False),
        (["t1"], ["t2"], True),
    ],
)
def test_two_entries_of_one_issuer_need_tenants_of_their_own(tmp_path, first, second, fine):
    entry = {"iss": ISS, "jku": JKU}
    both = {"a": entry | {"tenants": first}, "b": entry | {"tenants": second}}
    path = written(tmp_path, json.dumps(both))

    if fine:
        assert loaded(path)
    else:
        assert "b.iss: is that of a" in reasons(path)[0]


@pytest.mark.parametrize("address", ["http://127.0.0.1:9000/x", "http://localhost/x"])
def test_in_the_sandbox_plain_http_on_this_machine_will_do(tmp_path, address):
    path = clients_file(tmp_path, jku=address, fhir_bases=[address])

    assert loaded(path, sandbox=True)
    assert len(reasons(path)) == 2


# ---------------------------------------------------------------- what a client may do


def test_of_one_issuer_the_tenant_decides():
    known = clients(client(name="a", tenants=("t1",)), client(name="b", tenants=("t2",)))

    assert known.issued_by(ISS, "t2").name == "b"
    assert known.issued_by(ISS, "t9").name == "a"
    assert known.issued_by("x", "t1") is None


def test_a_client_is_offered_its_own_templates():
    ours = {"conditions": "Condition?patient={{context.patientId}}&_count=50", "statements": None}

    offered = client(prefetch=ours).offered(TEMPLATES)

    assert offered == {
        "conditions": ours["conditions"],
        "byCode": TEMPLATES["byCode"],
        "byCategory": TEMPLATES["byCategory"],
    }


def test_what_is_missing_is_asked_in_the_clients_own_terms():
    ours = {"conditions": "Condition?patient={{context.patientId}}&_count=50", "statements": None}
    mine = client(prefetch=ours, scopes=("user/Condition.read",))

    asked, answered = mine.terms(TEMPLATES)

    assert asked == {"conditions": ours["conditions"]}
    assert answered == {
        "statements": Answer(failed=GapReason.NOT_SUPPORTED),
        "byCode": Answer(failed=GapReason.NOT_PERMITTED),
        "byCategory": Answer(failed=GapReason.NOT_PERMITTED),
    }


def test_what_the_token_of_the_call_does_not_open_is_not_asked():
    asked, answered = client().terms(TEMPLATES, ("user/Condition.rs", "launch"))

    assert list(asked) == ["conditions"]
    assert {answer.failed for answer in answered.values()} == {GapReason.NOT_PERMITTED}


def test_a_list_that_is_asked_for_without_an_order_is_known_as_such():
    sorted_ones = {"byCode": "Observation?patient={{context.patientId}}&_sort=-date", "all": "Condition?patient=1"}
    plain = {"byCode": "Observation?patient={{context.patientId}}&_count=50"}

    assert client().unsorted(sorted_ones) == frozenset()
    assert client(prefetch=plain).unsorted(sorted_ones) == {"byCode"}
    assert client(prefetch={"byCode": None}).unsorted(sorted_ones) == frozenset()


def test_a_next_page_is_asked_as_it_is():
    mine = client(prefetch={"statements": None}, scopes=("user/Condition.read",))
    page = {"statements": f"{BASE}?page=2"}

    assert mine.terms(page) == (page, {})


def test_servers_may_be_private_when_their_client_says_so():
    known = clients(
        client(allow_private=True), client(name="b", iss="b", jku="https://b.example/k", fhir_bases=())
    )

    assert known.may_be_private("ehr.example")
    assert not known.may_be_private("b.example")
    assert not known.may_be_private("other.example")


def test_a_key_file_alone_names_no_host():
    assert client(jku="", key_file="keys.json", fhir_bases=()).hosts == frozenset()


def test_no_key_is_shown(tmp_path):
    assert jwks(key()).decode() not in repr(loaded(clients_file(tmp_path)))
