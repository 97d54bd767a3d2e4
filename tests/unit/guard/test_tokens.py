from datetime import timedelta

import pytest
from joserfc.jwk import OctKey

from cds_hooks.guard.tokens import MAX_TOKEN, Caller, Refusal, TokenRefused, bearer, verify
from tests.signing import (
    AT,
    ISS,
    JKU,
    PUBLIC,
    SERVICE,
    Seen,
    client,
    clients,
    header,
    jwks,
    key,
    keys_of_k1,
    part,
    token,
)

pytestmark = pytest.mark.anyio


async def admitted(sent, *, known=None, seen=None, audiences=(SERVICE,), at=AT, keys=keys_of_k1):
    return await verify(sent, known or clients(), keys, seen or Seen(), audiences=audiences, at=at)


async def reason(sent, **how):
    with pytest.raises(TokenRefused) as caught:
        await admitted(sent, **how)
    return caught.value.reason


def seconds(distance):
    return round(AT.timestamp()) + distance


# ---------------------------------------------------------------- who is let in


async def test_a_token_of_a_known_client_tells_who_calls():
    assert Caller(client()) == await admitted(token())


@pytest.mark.parametrize("changes", [{"aud": [SERVICE]}, {"aud": ["https://other.example", SERVICE]}])
async def test_one_of_several_audiences_will_do(changes):
    assert await admitted(token(**changes))


@pytest.mark.parametrize("typ", ["JWT", "jwt"])
async def test_typ_is_compared_without_case(typ):
    assert await admitted(token(head={"typ": typ}))


async def test_a_token_of_the_shape_epic_sends_is_understood():
    head = {"alg": "RS384", "kid": "r1", "jku": JKU, "x5t": "x" * 27, "nonstandard": "1" * 600}
    epic = {
        "sub": "a-client",
        "nbf": seconds(-300),
        "exp": seconds(600),
        "fhirUser": "x",
        "https://epic.example/x": {"a": []},
    }

    assert await admitted(token(key("r1", "RSA"), head, **epic))


async def test_a_key_id_may_be_any_text():
    kid = "Ab+c/d=="

    async def keys(_source, asked, _at):
        return key("k1") if asked == kid else None

    assert await admitted(token(head={"kid": kid}), keys=keys)


async def test_an_issuer_need_not_be_an_address():
    third_party = client(iss="urn:oid:2.16.840.1.113883")

    assert await admitted(token(iss=third_party.iss), known=clients(third_party))


async def test_keys_that_a_token_brings_along_are_not_looked_at():
    mine = key("mine")
    brought = {"jwk": mine.as_dict(private=False), "x5u": "https://evil.example/x", "x5c": ["AAAA"]}

    assert await admitted(token(head=brought))
    assert await reason(token(mine, head=brought)) == Refusal.SIGNATURE


@pytest.mark.parametrize("algorithm", ["RS256", "PS384"])
async def test_other_algorithms_count_when_the_client_is_configured_so(algorithm):
    sent = token(key("r1", "RSA"), {"alg": algorithm, "kid": "r1"})

    assert await admitted(sent, known=clients(client(algorithms=(algorithm,))))
    assert await reason(sent) == Refusal.ALG


async def test_audiences_of_a_client_are_its_own():
    known = clients(client(audiences=("fixed-word",)), client(name="other", iss="https://other.example"))

    assert await admitted(token(aud="fixed-word"), known=known)
    assert await reason(token(aud="fixed-word", iss="https://other.example"), known=known) == Refusal.AUDIENCE


# ---------------------------------------------------------------- tenants

TENANTS = clients(client(name="north", tenants=("n1", "n2")), client(name="south", tenants=("s1",)))


async def test_entries_of_one_issuer_are_told_apart_by_tenant():
    assert (await admitted(token(tenant="s1"), known=TENANTS)).client.name == "south"
    assert await admitted(token(tenant="n2"), known=TENANTS) == Caller(TENANTS.by_name["north"], "n2")


@pytest.mark.parametrize("tenant", ["x1", "", 5, None])
async def test_another_tenant_is_refused(tenant):
    assert await reason(token(tenant=tenant), known=TENANTS) == Refusal.TENANT


async def test_a_tenant_does_not_matter_where_none_is_configured():
    assert (await admitted(token(tenant="any"))).tenant == "any"


# ---------------------------------------------------------------- times

TIMES = [
    ({"exp": seconds(-59), "iat": seconds(-300)}, None),
    ({"exp": seconds(-60), "iat": seconds(-300)}, Refusal.EXPIRED),
    ({"iat": seconds(60)}, None),
    ({"iat": seconds(61)}, Refusal.EARLY),
    ({"nbf": seconds(60)}, None),
    ({"nbf": seconds(61)}, Refusal.EARLY),
    ({"iat": seconds(0) + 0.4}, None),
    ({"exp": seconds(3600), "iat": seconds(0)}, None),
    ({"exp": seconds(3601), "iat": seconds(0)}, Refusal.LIFETIME),
    ({"exp": seconds(3 * 365 * 86400)}, Refusal.LIFETIME),
    ({"exp": seconds(10), "iat": seconds(10)}, Refusal.LIFETIME),
    ({"exp": seconds(11), "iat": seconds(10)}, None),
    ({"exp": 10**400}, Refusal.TIMES),
    ({"exp": 1e308, "iat": 1e308}, Refusal.TIMES),
    ({"exp": -(10**11) + 1}, Refusal.TIMES),
    ({"exp": None}, Refusal.TIMES),
    ({"iat": None}, Refusal.TIMES),
    ({"exp": str(seconds(300))}, Refusal.TIMES),
    ({"iat": True}, Refusal.TIMES),
    ({"nbf": "soon"}, Refusal.TIMES),
]


@pytest.mark.parametrize(("changes", "expected"), TIMES)
async def test_times_count_with_a_minute_of_leeway(changes, expected):
    sent = token(**changes)

    if expected is None:
        assert await admitted(sent)
    else:
        assert expected == await reason(sent)


async def test_the_leeway_is_the_clients_own():
    known = clients(client(leeway_s=120))

    assert await admitted(token(iat=seconds(120)), known=known)
    assert await reason(token(iat=seconds(121)), known=known) == Refusal.EARLY


# ---------------------------------------------------------------- who is not let in

PUBLIC_KEY_AS_PASSWORD = OctKey.import_key(jwks())
HEAD, BODY, SIGNATURE = token().split(".")

BAD = {
    "nothing": ("", Refusal.MALFORMED),
    "a word": ("token", Refusal.MALFORMED),
    "two parts": (f"{HEAD}.{BODY}", Refusal.MALFORMED),
    "four parts": (f"{HEAD}.{BODY}.{SIGNATURE}.x", Refusal.MALFORMED),
    "no signature": (f"{HEAD}.{BODY}.", Refusal.MALFORMED),
    "a header that is no JSON": (f"{part(b'x')}.{BODY}.{SIGNATURE}", Refusal.MALFORMED),
    "a header that is a list": (f"{part([])}.{BODY}.{SIGNATURE}", Refusal.MALFORMED),
    "claims that are text": (f"{HEAD}.{part('x')}.{SIGNATURE}", Refusal.MALFORMED),
    "a header nested deeply": (f"{part(b'{' + b'[' * 3000)}.{BODY}.{SIGNATURE}", Refusal.MALFORMED),
    "padding": (f"{HEAD}=.{BODY}.{SIGNATURE}", Refusal.MALFORMED),
    "letters beyond ASCII": (f"{HEAD}.{BODY}.{SIGNATURE}é", Refusal.MALFORMED),
    "too long": (token(more="x" * MAX_TOKEN), Refusal.MALFORMED),
    "typ missing": (token(head={"typ": None}), Refusal.TYP),
    "typ of another kind": (token(head={"typ": "at+jwt"}), Refusal.TYP),
    "alg none": (f"{part(header(alg='none'))}.{BODY}.{SIGNATURE}", Refusal.ALG),
    "alg missing": (f"{part(header(alg=None))}.{BODY}.{SIGNATURE}", Refusal.ALG),
    "alg a list": (f"{part(header(alg=['ES384']))}.{BODY}.{SIGNATURE}", Refusal.ALG),
    "alg not configured": (token(key("p1", "P-256"), {"alg": "ES256", "kid": "p1"}), Refusal.ALG),
    "a symmetric signature": (token(key("o1", "oct"), {"alg": "HS256", "kid": "o1"}), Refusal.ALG),
    "our public key as a password": (token(PUBLIC_KEY_AS_PASSWORD, {"alg": "HS256"}), Refusal.ALG),
    "kid missing": (token(head={"kid": None}), Refusal.KID),
    "kid empty": (token(head={"kid": ""}), Refusal.KID),
    "kid of a megabyte, nearly": (token(head={"kid": "k" * 257}), Refusal.KID),
    "kid not text": (f"{part(header(kid=7))}.{BODY}.{SIGNATURE}", Refusal.KID),
    "kid unknown": (token(head={"kid": "../../etc/passwd"}), Refusal.KEY),
    "an unknown extension": (token(head={"crit": ["x"], "x": 1}), Refusal.CRIT),
    "an extension of the library": (token(head={"crit": ["b64"], "b64": True}), Refusal.CRIT),
    "an unencoded payload": (f"{part(header() | {'b64': False})}.{BODY}.{SIGNATURE}", Refusal.SIGNATURE),
    "iss missing": (token(iss=None), Refusal.ISSUER),
    "iss unknown": (token(iss="https://evil.example"), Refusal.ISSUER),
    "iss not text": (token(iss=[ISS]), Refusal.ISSUER),
    "jku of someone else": (token(head={"jku": "https://evil.example/jwks.json"}), Refusal.JKU),
    "jku that only begins alike": (token(head={"jku": f"{JKU}.evil.example"}), Refusal.JKU),
    "aud missing": (token(aud=None), Refusal.AUDIENCE),
    "aud of the base": (token(aud=PUBLIC), Refusal.AUDIENCE),
    "aud of another service": (token(aud=f"{PUBLIC}/cds-services/other"), Refusal.AUDIENCE),
    "aud of another host": (token(aud=SERVICE.replace("cds.example", "evil.example")), Refusal.AUDIENCE),
    "aud with a slash more": (token(aud=f"{SERVICE}/"), Refusal.AUDIENCE),
    "aud an object": (token(aud={SERVICE: 1}), Refusal.AUDIENCE),
    "jti missing": (token(jti=None), Refusal.TOKEN_ID),
    "jti empty": (token(jti=""), Refusal.TOKEN_ID),
    "jti too long": (token(jti="x" * 257), Refusal.TOKEN_ID),
    "jti not text": (token(jti=17), Refusal.TOKEN_ID),
    "signed by someone else": (token(key("stranger")), Refusal.SIGNATURE),
    "signed with RSA under the id of another kind": (token(key("r1", "RSA"), {"alg": "RS384"}), Refusal.SIGNATURE),
    "changed after signing": (f"{HEAD}.{part({'iss': ISS})}.{SIGNATURE}", Refusal.AUDIENCE),
    "a signature of another token": (f"{token().rpartition('.')[0]}.{SIGNATURE}", Refusal.SIGNATURE),
    "a signature cut off": (token()[:-8], Refusal.SIGNATURE),
}


@pytest.mark.parametrize(("sent", "expected"), BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused(sent, expected):
    seen = Seen()

    assert expected == await reason(sent, seen=seen)
    assert seen.tokens == []


def test_the_table_is_long_enough():
    assert len(BAD) + len(TIMES) > 50


@pytest.mark.parametrize("jti", ["j", "j" * 256])
async def test_an_id_of_one_letter_and_the_longest_are_ids(jti):
    assert await admitted(token(jti=jti))


@pytest.mark.parametrize("kid", ["k", "k" * 256])
async def test_a_key_may_have_a_name_of_one_letter_and_the_longest(kid):
    async def keys(_source, asked, _at):
        return key("k1") if asked == kid else None

    assert await admitted(token(head={"kid": kid}), keys=keys)


def of_length(wanted):
    """A good token of so many characters."""
    room = (wanted - len(token())) * 3 // 4  # three letters become four
    sent = (token(head={"a": "x" * more}, b="y" * (room - fewer)) for more in range(3) for fewer in range(40))
    return next(one for one in sent if len(one) == wanted)


async def test_a_token_may_be_as_long_as_the_limit_and_no_longer():
    assert await admitted(of_length(MAX_TOKEN))
    assert await reason(of_length(MAX_TOKEN + 1)) == Refusal.MALFORMED


async def test_a_jku_is_refused_where_keys_come_from_a_file():
    assert await reason(token(head={"jku": JKU}), known=clients(client(jku="", key_file="x"))) == Refusal.JKU


async def test_whatever_was_wrong_the_message_is_the_same():
    messages = set()
    for sent, _ in BAD.values():
        with pytest.raises(TokenRefused) as caught:
            await admitted(sent)
        messages.add(str(caught.value))

    assert messages == {"A bearer token of a known client is needed, and no such token came with this call."}


async def test_nothing_is_asked_for_a_token_that_is_wrong_without_a_key():
    asked = []

    async def keys(_source, kid, _at):
        asked.append(kid)

    for sent, expected in BAD.values():
        if expected not in {Refusal.KEY, Refusal.SIGNATURE}:
            await reason(sent, keys=keys)

    assert asked == []


async def test_the_log_learns_which_client_it_was_once_that_is_known():
    seen, used = Seen(), token()
    await admitted(used, seen=seen)
    no_such_key = token(head={"kid": "gone"})
    for sent in (token(aud="x"), token(key("y")), no_such_key, used):
        with pytest.raises(TokenRefused) as caught:
            await admitted(sent, seen=seen)
        assert caught.value.client == "general"
    with pytest.raises(TokenRefused) as caught:
        await admitted(token(iss="x"))
    assert caught.value.client == "unknown"


# ---------------------------------------------------------------- once only


async def test_a_token_counts_once_and_is_remembered_until_it_cannot_be_valid():
    seen, sent = Seen(), token(jti="once")

    assert await admitted(sent, seen=seen)
    assert await reason(sent, seen=seen) == Refusal.REPLAYED
    assert seen.tokens[0] == (ISS, "once", AT + timedelta(seconds=360))


async def test_a_forged_token_does_not_use_up_an_id():
    seen = Seen()
    await reason(token(key("stranger"), jti="once"), seen=seen)

    assert await admitted(token(jti="once"), seen=seen)


# ---------------------------------------------------------------- the header of the request


def test_the_token_stands_behind_bearer():
    assert bearer(["Bearer abc"]) == "abc"
    assert bearer(["bearer  abc "]) == "abc"


@pytest.mark.parametrize(
    "sent", [[], [""], ["Bearer"], ["Bearer "], ["Basic abc"], ["abc"], ["Bearer a", "Bearer a"]]
)
def test_anything_else_is_no_token(sent):
    with pytest.raises(TokenRefused) as caught:
        bearer(sent)

    assert caught.value.reason == Refusal.MISSING
