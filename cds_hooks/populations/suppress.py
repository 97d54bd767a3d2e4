"""suppress: counts as they may leave the house. A small one is hidden, and so is what would give it away.

Zero is shown: that nobody had a card tells nothing about anybody. A hidden count is None.
"""

from __future__ import annotations

from collections.abc import Mapping


def shown(count: int, least: int) -> int | None:
    """The count, or None when it is of so few that they might be known."""
    return None if 0 < count < least else count


def parts(cells: Mapping[str, int], least: int) -> dict[str, int | None]:
    """Counts that add up to a total that is shown. With one hidden, the others and the total would tell it:
    then the next smallest is hidden too, until what is hidden is several cells of at least so many together.
    """
    hidden = {name for name, count in cells.items() if 0 < count < least}
    rest = sorted((count, name) for name, count in cells.items() if count >= least)
    while hidden and rest and (len(hidden) < 2 or sum(cells[name] for name in hidden) < least):  # noqa: PLR2004
        hidden.add(rest.pop(0)[1])
    return {name: None if name in hidden else count for name, count in cells.items()}


def per_thousand(count: int | None, charts: int) -> float | None:
    """How many in a thousand charts, to two places; None where the count is hidden or there is no chart."""
    return None if count is None or not charts else round(count * 1000 / charts, 2)
