"""How long generated tests run: CI length, or the length of a night when CDS_NIGHTLY is set."""

import os

NIGHTLY = bool(os.environ.get("CDS_NIGHTLY"))


def examples(quick: int, nightly: int) -> int:
    """How many examples a test looks at."""
    return nightly if NIGHTLY else quick
