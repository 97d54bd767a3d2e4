import pytest

from cds_hooks.errors import SettingsError
from cds_hooks.settings import AllowList, Base, Settings, check, from_environment, parse_base, reasons_not_to_start


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CDS_{name.upper()}", raising=False)


# ---------------------------------------------------------------- reading the environment


def test_defaults_are_those_of_a_production_service():
    settings = from_environment()

    assert settings.profile == "production"
    assert settings.region == "uk"
    assert settings.fetch_deadline_s == 1.5
    assert settings.library_dir is None
    assert settings.require_reviewed is False
    assert settings.allowed_origins == ()


def test_lists_are_written_with_commas(monkeypatch):
    monkeypatch.setenv("CDS_FHIR_SERVERS", "https://a.example/r4, https://b.example/r4,")

    assert from_environment().fhir_servers == ("https://a.example/r4", "https://b.example/r4")


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("CDS_FHIR_SERVERS", "")
    monkeypatch.setenv("CDS_REGION", "")

    assert from_environment() == Settings()


def test_given_values_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("CDS_PROFILE", "production")

    assert from_environment(profile="sandbox", cors_origins=("https://a.example",)).is_sandbox


def test_every_variable_that_cannot_be_understood_is_named_without_its_value(monkeypatch):
    monkeypatch.setenv("CDS_FETCH_DEADLINE_S", "77")
    monkeypatch.setenv("CDS_REGION", "Ruritania")

    with pytest.raises(SettingsError) as caught:
        from_environment()

    assert [reason.partition(":")[0] for reason in caught.value.reasons] == ["CDS_REGION", "CDS_FETCH_DEADLINE_S"]
    assert "Ruritania" not in str(caught.value)


# ---------------------------------------------------------------- reasons not to start


def test_production_starts_when_callers_are_known_and_everything_is_encrypted():
    check(
        Settings(clients="clients.yaml", public_url="https://cds.example", fhir_servers="https://ehr.example/r4")
    )


def test_production_does_not_start_without_knowing_its_callers():
    [reason] = reasons_not_to_start(Settings(public_url="https://cds.example"))

    assert reason.startswith("CDS_CLIENTS is missing: production must authenticate its callers")


def test_a_sandbox_that_authenticates_needs_the_address_that_tokens_name():
    [reason] = reasons_not_to_start(Settings(profile="sandbox", clients="clients.yaml"))

    assert reason.startswith("CDS_PUBLIC_URL is missing")


def test_production_lists_everything_that_is_wrong_at_once():
    careless = Settings(fhir_servers="http://ehr.example/r4,ftp://x", cors_origins="*,https://a.example/page")

    reasons = "\n".join(reasons_not_to_start(careless))

    for part in (
        "authenticate",
        "CDS_PUBLIC_URL is missing",
        "must all be https",
        "CDS_FHIR_SERVERS: entry 2",
        "CDS_CORS_ORIGINS: entry 2",
        "must name the origins",
    ):
        assert part in reasons


@pytest.mark.parametrize("public_url", ["http://cds.example", "http://127.0.0.1:8080"])
def test_production_needs_an_encrypted_public_address(public_url):
    assert any("must be https" in reason for reason in reasons_not_to_start(Settings(public_url=public_url)))


def test_the_sandbox_starts_as_it_is():
    check(Settings(profile="sandbox"))


@pytest.mark.parametrize(
    ("public_url", "fault"),
    [
        ("http://127.0.0.1:8080", ""),
        ("https://demo.example", ""),
        ("http://demo.example", "must be https"),
        ("demo", "is not an"),
    ],
)
def test_the_sandbox_links_by_plain_http_to_this_machine_only(public_url, fault):
    reasons = reasons_not_to_start(Settings(profile="sandbox", public_url=public_url))

    assert bool(fault) == bool(reasons)
    assert all(fault in reason for reason in reasons)


@pytest.mark.parametrize("origin", ["https://a.example", "http://127.0.0.1:3000", "*"])
def test_origins_are_scheme_host_and_port(origin):
    check(Settings(profile="sandbox", cors_origins=origin))


@pytest.mark.parametrize(
    "public_url", ["https://CDS.example/x", "https://cds.example:443", "https://cds.example."]
)
def test_the_public_address_is_written_in_one_way(public_url):
    """Tokens name it character for character."""
    [reason] = reasons_not_to_start(Settings(profile="sandbox", public_url=public_url))

    assert reason.startswith("CDS_PUBLIC_URL: write it as https://cds.example")


@pytest.mark.parametrize(
    "origin",
    ["https://a.example/", "a.example", "https://a.example/app", "https://A.example", "https://a.example:443"],
)
def test_anything_else_is_no_origin(origin):
    assert reasons_not_to_start(Settings(profile="sandbox", cors_origins=origin))


def test_any_web_page_may_call_the_sandbox_unless_origins_are_named():
    assert Settings(profile="sandbox").allowed_origins == ("*",)
    assert Settings(profile="sandbox", cors_origins="https://a.example").allowed_origins == ("https://a.example",)


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://EHR.Example/r4", Base("https", "ehr.example", 443, ("r4",))),
        ("https://ehr.example./r4/", Base("https", "ehr.example", 443, ("r4",))),
        ("https://ehr.example:443/r4", Base("https", "ehr.example", 443, ("r4",))),
        ("http://ehr.example:8080", Base("http", "ehr.example", 8080)),
        ("https://bücher.example/R4/tenant", Base("https", "xn--bcher-kva.example", 443, ("R4", "tenant"))),
        ("http://[::1]:9000/fhir", Base("http", "::1", 9000, ("fhir",))),
    ],
)
def test_an_address_is_read_in_parts(url, base):
    assert base == parse_base(url)
    assert base == parse_base(base.url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ehr.example/r4",
        "ftp://ehr.example/r4",
        "file:///etc/passwd",
        "https:///r4",
        "https://user@ehr.example/r4",
        "https://user:secret@ehr.example/r4",
        "https://ehr.example/r4?x=1",
        "https://ehr.example/r4#x",
        "https://ehr.example/r4/../admin",
        "https://ehr.example/./r4",
        "https://ehr.example/r4/%2e%2e/admin",
        "https://ehr.example/r4%2Fadmin",
        "https://ehr.example/r4%5cadmin",
        "https://ehr.example/%252e%252e",
        "https://ehr.example//r4",
        "https://ehr.example\\@evil.example/r4",
        "https://ehr.example/r4\n",
        "https://ehr .example/r4",
        "https://ehr.example:port/r4",
        "https://ehr.example:99999/r4",
        "https://ehr%2eexample/r4",
        "https://a..example/r4",
        "http://[::1/fhir",
        "http://[fe80::1%25eth0]/fhir",
        f"https://ehr.example/{'a' * 4096}",
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_none(url):
    assert parse_base(url) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine_is_loopback(host):
    assert parse_base(f"http://{host}:8080/fhir").is_loopback


@pytest.mark.parametrize(
    "host", ["localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1", "2130706433", "0.0.0.0", "[::2]"]
)
def test_what_only_looks_like_this_machine_is_not(host):
    assert not parse_base(f"http://{host}/fhir").is_loopback


def test_the_sandbox_may_ask_every_loopback_base():
    allow_list = Settings(profile="sandbox").allow_list

    assert allow_list.holds(Base("http", "127.0.0.1", 8080, ("fhir",)))
    assert not allow_list.holds(Base("https", "ehr.example", 443, ("r4",)))


@pytest.mark.parametrize("profile", ["sandbox", "production"])
def test_named_servers_replace_the_loopback_allowance(profile):
    allow_list = Settings(profile=profile, fhir_servers="https://ehr.example/r4").allow_list

    assert allow_list == AllowList((Base("https", "ehr.example", 443, ("r4",)),))
    assert not allow_list.holds(Base("http", "127.0.0.1", 8080, ("fhir",)))


def test_an_entry_that_is_no_address_allows_nothing():
    assert Settings(profile="sandbox", fhir_servers="nonsense").allow_list == AllowList()


@pytest.mark.parametrize(
    ("inside", "url"),
    [
        (True, "https://ehr.example/r4"),
        (True, "https://ehr.example/r4/Observation"),
        (False, "https://ehr.example/r4-evil/Observation"),
        (False, "https://ehr.example/"),
        (False, "http://ehr.example/r4"),
        (False, "https://ehr.example:8443/r4"),
        (False, "https://ehr.example.evil.example/r4"),
    ],
)
def test_a_base_contains_what_lies_below_it_on_the_same_origin(inside, url):
    assert inside == Base("https", "ehr.example", 443, ("r4",)).contains(parse_base(url))


def test_settings_that_must_not_start_raise_every_reason_at_once():
    settings = Settings(profile="sandbox", fhir_servers=("ftp://x",), cors_origins=("http://a.test/page",))

    with pytest.raises(SettingsError) as caught:
        check(settings)

    assert reasons_not_to_start(settings) == caught.value.reasons
    assert 2 == len(caught.value.reasons)
