"""What each patient's cards are expected to be: the headings of the golden cards that the tests keep.

They are compared as indicator and summary, which say nothing of the day on which one asks.
"""

from collections.abc import Mapping
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "cards"
_HEADING = "## "


def golden_cards(folder: Path = GOLDEN) -> Mapping[str, tuple[str, ...]]:
    """Patient id -> `indicator: summary` of each card in order; empty where the tests are not installed."""
    return {path.stem: _headings(path) for path in sorted(folder.glob("*.md"))}


def _headings(path: Path) -> tuple[str, ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line.removeprefix(_HEADING) for line in lines if line.startswith(_HEADING))
