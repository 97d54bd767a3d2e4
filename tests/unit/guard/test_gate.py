import pytest

from cds_hooks.errors import SettingsError
from cds_hooks.guard.gate import check_start, open_gate, private_hosts
from cds_hooks.guard.keys import KeySets
from cds_hooks.guard.tokens import Refusal, TokenRefused
from cds_hooks.settings import Settings
from cds_hooks.transport import Client
from tests.signing import AT, BASE, PUBLIC, Seen, client, clients, clients_file, token

PATH = "/cds-services/petechiae-patient-view"


def production(tmp_path, entry=None, **changes):
    return Settings(**({"clients": clients_file(tmp_path, **(entry or {})), "public_url": f"{PUBLIC}/"} | changes))


def reasons(settings):
    with pytest.raises(SettingsError) as caught:
        check_start(settings, {})
    return caught.value.reasons


def test_production_starts_with_clients_and_a_public_address(tmp_path):
    assert list(check_start(production(tmp_path), {}).by_name) == ["general"]


def test_the_sandbox_starts_without_clients():
    assert check_start(Settings(profile="sandbox"), {}) is None


def test_named_servers_narrow_what_a_client_may_ask(tmp_path):
    narrowed = check_start(production(tmp_path, fhir_servers="https://other.example/r4"), {})

    assert narrowed.by_name["general"].bases == ()


def test_without_named_servers_a_client_keeps_its_own(tmp_path):
    assert check_start(production(tmp_path), {}).by_name["general"].fhir_bases == (BASE,)


def test_in_the_sandbox_a_client_may_lie_on_this_machine(tmp_path):
    local = {"fhir_bases": ["http://127.0.0.1:9000/r4"]}

    assert check_start(production(tmp_path, local, profile="sandbox"), {})
    assert len(reasons(production(tmp_path, local))) == 1


def test_reasons_of_settings_and_clients_are_told_together(tmp_path):
    settings = production(
        tmp_path,
        {"leeway_s": 500, "fhir_bases": ["http://ehr.example/r4"]},
        public_url="http://cds.example",
        cors_origins="*",
    )

    told = "\n".join(reasons(settings))

    for part in ("CDS_PUBLIC_URL must be https", "CDS_CORS_ORIGINS", "general.leeway_s", "general.fhir_bases"):
        assert part in told


@pytest.mark.anyio
async def test_the_gate_compares_with_the_configured_address(tmp_path):
    settings = production(tmp_path)
    gate = open_gate(settings, check_start(settings, {}), Client(), Seen())
    paths = [PATH, f"{PATH}/feedback"]

    assert await gate.admit([f"Bearer {token()}"], [PATH], AT)
    assert await gate.admit([f"Bearer {token(aud=f'{PUBLIC}{PATH}/feedback')}"], paths, AT)
    assert await gate.admit([f"Bearer {token()}"], paths, AT)
    with pytest.raises(TokenRefused) as caught:
        await gate.admit([f"Bearer {token(aud=f'{PUBLIC}{PATH}/feedback')}"], [PATH], AT)
    assert caught.value.reason == Refusal.AUDIENCE


@pytest.mark.parametrize("profile", ["sandbox", "production"])
def test_the_key_of_the_public_sandbox_counts_in_the_sandbox_only(profile):
    gate = open_gate(Settings(profile=profile), clients(), Client(), Seen())

    assert isinstance(gate.keys, KeySets)
    assert gate.keys._demo_key == (profile == "sandbox")


def test_which_hosts_may_lie_in_a_private_network():
    known = clients(client(allow_private=True))
    settings = Settings(terminology_url="https://terms.example/fhir")

    assert private_hosts(settings, known)("ehr.example")
    assert private_hosts(settings, known)("terms.example")
    assert not private_hosts(settings, known)("other.example")
    assert not private_hosts(Settings(), None)("ehr.example")
    assert private_hosts(Settings(profile="sandbox"), None)("other.example")
