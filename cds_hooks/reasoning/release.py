"""release: no change of the knowledge without a new version and a line in its changelog.

knowledge/release.json holds, for each version that was given out, the digest of its rules. Cases are not part of
it: they prove what a rule says and do not change it. A folder without the file is not held to this; this
repository must have it (a test of what ships). That a digest was replaced only a reviewer sees: a line of the file
changes, and no version is new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from cds_hooks.errors import LibraryError
from cds_hooks.model.library import Library
from cds_hooks.reasoning.library import rule_files

RECORD = "knowledge/release.json"
CHANGELOG = "knowledge/CHANGELOG.md"
_CASES = ".cases.yaml"


def rules_digest(root: Path) -> str:
    """SHA-256 over names and contents of all rule files without their cases."""
    total = hashlib.sha256()
    for path in rule_files(root):
        if not path.name.endswith(_CASES):
            total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def recorded(root: Path) -> Mapping[str, str] | None:
    """Digest by version, oldest first; None when nothing is recorded here. Errors: LibraryError."""
    path = root / RECORD
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise LibraryError((f"{RECORD}:1: is no JSON; take it from the last commit",)) from None
    return {str(version): str(digest) for version, digest in found.items()}


def release_faults(library: Library, root: Path) -> tuple[str, ...]:
    """What stands in the way of giving the rules out as they are; empty when nothing is recorded here."""
    versions = recorded(root)
    if versions is None:
        return ()
    faults = [] if _has_line(library, root) else [_no_line(library)]
    version = library.card.version
    if version in versions and versions[version] != rules_digest(root):
        faults.append(
            f"knowledge/library.yaml:1: the rules are no longer those of {version}; raise `version`, and write "
            f"in {CHANGELOG} what changed"
        )
    return tuple(faults)


def is_recorded(library: Library, root: Path) -> bool:
    """False while the version has not been given out yet (`pinpoint release`)."""
    versions = recorded(root)
    return versions is None or library.card.version in versions


def with_release(library: Library, root: Path) -> str:
    """The text of the record with this version in it.

    Errors: LibraryError when the changelog has no line for it, or other rules were given out as this version.
    """
    faults = release_faults(library, root)
    if faults:
        raise LibraryError(faults)
    versions = {**(recorded(root) or {}), library.card.version: rules_digest(root)}
    return json.dumps(versions, indent=2) + "\n"


def _has_line(library: Library, root: Path) -> bool:
    """Whether the changelog has this version, its date, and at least one line about it."""
    path = root / CHANGELOG
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    heading = f"## {library.card.version} · {library.card.date}"
    _, _, after = text.partition(f"{heading}\n")
    return "\n- " in after.partition("\n## ")[0]


def _no_line(library: Library) -> str:
    heading = f"## {library.card.version} · {library.card.date}"
    return f"{CHANGELOG}:1: has no line under `{heading}`; write what changed, which rules, and why"
