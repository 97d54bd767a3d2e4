"""Callers that sign: a clients file with a key of its own, and a fresh token for every call."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

_ISSUER = "https://bench.example"
_PUBLIC = "https://cds.bench.example"
_KEY = ECKey.generate_key("P-384", {"kid": "bench"})
_AHEAD = 2000


def sandbox_with_callers(folder: Path) -> dict[str, str]:
    """The environment of a sandbox that lets only this caller in; its files are written into the folder."""
    (folder / "keys.json").write_text(json.dumps({"keys": [_KEY.as_dict(private=False)]}))
    clients = folder / "clients.yaml"
    clients.write_text(json.dumps({"bench": {"iss": _ISSUER, "key_file": "keys.json"}}))
    return {"CDS_CLIENTS": str(clients), "CDS_PUBLIC_URL": _PUBLIC}


def headers_of(_folder: Path, path: str) -> Iterator[str]:
    """An Authorization header for each call of the path, signed ahead in batches."""
    while True:
        yield from [_header(path) for _ in range(_AHEAD)]


def _header(path: str) -> str:
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": f"{_PUBLIC}{path}", "iat": now, "exp": now + 300, "jti": str(uuid4())}
    token = jwt.encode({"alg": "ES384", "typ": "JWT", "kid": "bench"}, claims, _KEY, algorithms=["ES384"])
    return f"Authorization: Bearer {token}\r\n"
