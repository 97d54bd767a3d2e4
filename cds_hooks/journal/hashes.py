"""Keyed hashes of who was told what. Without the site's key nobody can tell from one whom or what it stands for.

A patient's id is short enough to be guessed, so a plain hash would hide nothing. The keys stand in a file, the one
that is used first, then older ones that still recognise what was hashed with them.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cds_hooks.errors import SettingsError

SHORTEST = 32
"""Characters of a key."""
_SUBJECT_BYTES = 16
_FACT_BYTES = 8
"""Only facts of one subject are ever compared: hundreds of them never share so long a hash by chance."""


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes with one key."""

    key: bytes = field(repr=False)

    def subject(self, parts: Sequence[str]) -> str:
        """Who is told about whom: caller, service, server, user, patient."""
        return self._of(_SUBJECT_BYTES, "subject", *parts)

    def facts(self, subject: str, facts: Iterable[str]) -> tuple[str, ...]:
        """What is told. The same fact about another patient has another hash, so that nothing can be counted."""
        return tuple(self._of(_FACT_BYTES, "fact", subject, fact) for fact in facts)

    def _of(self, length: int, *parts: str) -> str:
        said = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hmac.digest(self.key, said, "sha256")[:length].hex()


def read_keys(path: Path) -> tuple[Hashes, ...]:
    """The site's keys, the newest first. Raises SettingsError when the file cannot be read or a key is short."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError):
        raise SettingsError(("CDS_SITE_KEYS cannot be read: name a text file with one key a line.",)) from None
    if not lines or any(len(line) < SHORTEST for line in lines):
        raise SettingsError(
            (f"CDS_SITE_KEYS: each line must hold a key of {SHORTEST} characters or more, the newest first.",)
        )
    return tuple(Hashes(line.encode()) for line in lines)
