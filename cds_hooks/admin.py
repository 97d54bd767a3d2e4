"""admin: who may see counts and reports of a deployment. They hold nothing of a patient, but much of a hospital.

The token comes as `Authorization: Bearer …`, or as the password of a user of any name: what a browser asks for.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence

CHALLENGE = 'Basic realm="Pinpoint", charset="UTF-8"'


def is_admin(authorization: Sequence[str], token: str) -> bool:
    """Whether the one value of that header holds the token. Compared in constant time."""
    return len(authorization) == 1 and hmac.compare_digest(_sent(authorization[0]).encode(), token.encode())


def _sent(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
