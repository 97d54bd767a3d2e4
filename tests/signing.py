"""Tokens as record systems send them, and the clients that they are from. All keys are made here, each run."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from cds_hooks.guard.clients import CdsClient, Clients

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When a token is used, unless a test says otherwise."""

PUBLIC = "https://cds.example/pinpoint"
SERVICE = f"{PUBLIC}/cds-services/petechiae-patient-view"
ISS = "https://ehr.example"
JKU = "https://ehr.example/jwks.json"
BASE = "https://ehr.example/r4"


PUBLIC_DEMO_KEY = {
    "kty": "EC",
    "crv": "P-384",
    "kid": "a-name",
    "x": "dw_JGR8nB2I6XveNxUOl2qk699ZPLM2nYI5STSdiEl9avAkrm3CkfYMbrrjr8laB",
    "y": "Sm3mLE-n1zYNla_aiE3cb3nZsL51RbC7ysw3q8aJLxGm-hx79RPMYpITDjp7kgzy",
}
"""The public half of the key of the public CDS Hooks sandbox, whose private half is published as well."""


def key(kid="k1", kind="P-384"):
    """A key pair, the same one for the same arguments."""
    return _made(kid, kind)


@cache
def _made(kid, kind):
    made = {"RSA": RSAKey, "oct": OctKey}.get(kind, ECKey)
    return made.generate_key({"RSA": 2048, "oct": 256}.get(kind, kind), {"kid": kid})


def jwks(*keys, private=False):
    """The JWK set of the keys as bytes; of `k1` when none is given."""
    return json.dumps({"keys": [one.as_dict(private=private) for one in keys or (key(),)]}).encode()


def claims(at=AT, **changes):
    """What a token says; a claim changed to None is left out."""
    now = round(at.timestamp())
    said = {"iss": ISS, "aud": SERVICE, "exp": now + 300, "iat": now, "jti": str(uuid4())} | changes
    return {name: value for name, value in said.items() if value is not None}


def header(**changes):
    """The header of a token of `k1`; a member changed to None is left out."""
    said = {"alg": "ES384", "typ": "JWT", "kid": "k1"} | changes
    return {name: value for name, value in said.items() if value is not None}


def token(by=None, head=None, at=AT, **changes):
    """A signed token. `head` changes the header, other members the claims; what is None is left out."""
    return signed(json.dumps(claims(at, **changes)), header(**(head or {})), by or key())


def signed(payload, head, by):
    """Any payload under any header, with a signature by this key; the library itself would refuse some."""
    text = f"{part(head)}.{part(payload.encode())}"
    return f"{text}.{part(jws.JWSRegistry.algorithms[head['alg']].sign(text.encode(), by))}"


def part(value):
    """A part of a token, of JSON or of bytes."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def client(**changes):
    """The client that all these tokens are from."""
    return CdsClient(**({"iss": ISS, "name": "general", "jku": JKU, "fhir_bases": (BASE,)} | changes))


def clients(*known):
    return Clients({one.name: one for one in known or (client(),)})


def clients_file(folder: Path, **changes):
    """A clients file with one client whose keys lie beside it; members changed to None are left out."""
    (folder / "keys.json").write_bytes(jwks(key(), key("r1", "RSA")))
    entry = {"iss": ISS, "key_file": "keys.json", "fhir_bases": [BASE]} | changes
    path = folder / "clients.yaml"
    path.write_text(json.dumps({"general": {name: value for name, value in entry.items() if value is not None}}))
    return path


async def keys_of_k1(_source, kid, _at):
    """Knows k1 and r1, whatever the source."""
    return {"k1": key(), "r1": key("r1", "RSA")}.get(kid)


class Seen:
    """Remembers tokens in a list of (issuer, id, until)."""

    def __init__(self):
        self.tokens = []

    async def __call__(self, iss, jti, until):
        was_here = any((iss, jti) == one[:2] for one in self.tokens)
        self.tokens.append((iss, jti, until))
        return was_here
