"""suppress: counts as they may leave the house. A small one is hidden, and so is what would give it away.

Zero is shown: that nobody had a card tells nothing about anybody. A hidden count is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def shown(count: int, least: int) -> int | None:
    """The count, or None when it is of so few that they might be known."""
    return None if 0 < count < least else count


def parts(cells: Mapping[str, int], least: int, also: frozenset[str] = frozenset()) -> dict[str, int | None]:
    """Counts that add up to a total that is shown, those of `also` hidden. With one hidden, the others and the
    total would tell it: then the next smallest is hidden too, until they are several cells of at least so many.
    """
    hidden = {name for name, count in cells.items() if 0 < count < least or name in also}
    rest = sorted((count, name) for name, count in cells.items() if count and name not in hidden)
    while hidden and rest and (len(hidden) < 2 or sum(cells[name] for name in hidden) < least):  # noqa: PLR2004
        hidden.add(rest.pop(0)[1])
    return {name: None if name in hidden else count for name, count in cells.items()}


class Sums:
    """Counts that are sums of the same cells, so that none can be had by taking one from another.

    Cells are hidden in blocks, each as `parts`. A sum is shown when of what is hidden in a block it holds nothing
    or everything: whatever sums are combined, what is hidden of a block comes as one number, of several cells and
    not of few. So the total of a block is shown, unless it is of few itself: then there is only one block.
    """

    def __init__(self, blocks: Sequence[Mapping[str, int]], least: int) -> None:
        self._cells = {name: count for block in blocks for name, count in block.items()}
        self._least = least
        is_few = any(shown(sum(block.values()), least) is None for block in blocks)
        self._hidden = [_hidden(block, least) for block in ([self._cells] if is_few else blocks)]

    def of(self, names: Iterable[str]) -> int | None:
        """The sum of these cells; None when it is hidden."""
        wanted = frozenset(names)
        is_safe = all(hidden <= wanted or hidden.isdisjoint(wanted) for hidden in self._hidden)
        return shown(sum(self._cells[name] for name in wanted), self._least) if is_safe else None


def _hidden(cells: Mapping[str, int], least: int) -> frozenset[str]:
    return frozenset(name for name, count in parts(cells, least).items() if count is None)


def within(count: int, whole: int | None, least: int) -> int | None:
    """A count of some among those of another count; None also when the others would be few. A hidden whole tells
    nothing about them.
    """
    return shown(count, least) if whole is None or shown(whole - count, least) is not None else None


def per_thousand(count: int | None, charts: int) -> float | None:
    """How many in a thousand charts, to two places; None where the count is hidden or there is no chart."""
    return None if count is None or not charts else round(count * 1000 / charts, 2)
