"""command: `pinpoint replay`, the knowledge over a whole export before a single clinician sees a card.

Only click is loaded before the command runs, so that help stays quick.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from cds_hooks.opening import opening

if TYPE_CHECKING:
    from cds_hooks.populations.job import Shelf
    from cds_hooks.populations.run import Engine
    from cds_hooks.settings import Settings

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ENCOUNTERS: Final = "encounters"
_LOCAL: Final = "local"
_FORM: Final = "write it as 2026-11-01T08:00Z"


@click.command()
@click.argument("export", type=str)
@click.option("--at", "moment", required=True, help="Instant to judge at, ISO 8601 with zone; or: encounters.")
@click.option("--every", help="Also at each such step up to --until: 30m, 6h, 1d, 2w.")
@click.option("--until", help="Last instant of the series.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of results.")
@click.option(
    "--against",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another library (a folder with mappings/ and knowledge/): what changes from it to this one.",
)
@click.option("--review", default=0, show_default=True, help="Explain so many patients of each rule that spoke.")
@click.option("--engine", default=_LOCAL, show_default=True, help="local, or Spark: local[*], spark://…, yarn …")
@click.option("--workers", type=click.IntRange(1), help="Processes of the local engine. Default: one a core.")
@click.option("--buckets", type=click.IntRange(0), default=0, help="Parts of the work. Default: by size.")
@click.option("--buffer-mb", type=click.IntRange(1), default=32, show_default=True, help="For each process.")
@click.option(
    "--tmp", type=click.Path(path_type=Path), help="Folder for spill files (patient data). Default: in OUT."
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the key of the hash that stands for a patient. Default: a new one in OUT.",
)
@click.option(
    "--min-count", type=click.IntRange(1), default=10, show_default=True, help="Smaller counts are hidden."
)
@click.option(
    "--max-bad", default="0.1%", show_default=True, help="Share of unusable lines from which exit code is 1."
)
@click.option("--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True)
def replay(
    *,
    export: str,
    moment: str,
    every: str | None,
    until: str | None,
    out: Path,
    against: Path | None,
    review: int,
    engine: str,
    workers: int | None,
    buckets: int,
    buffer_mb: int,
    tmp: Path | None,
    key: Path | None,
    min_count: int,
    max_bad: str,
    progress: Literal["bar", "json", "none"],
) -> None:
    """Tell how many cards the knowledge would give on EXPORT, for whom, and what stays unknown.

    EXPORT is a folder of NDJSON files (Bulk Data, also gzipped), of Bundles or of hook requests. OUT holds results
    and report; the same command again goes on where it was ended. Nothing is fetched and the clock is not read.
    """
    with opening():
        from cds_hooks.cards.compose import voice_of
        from cds_hooks.populations.progress import shown
        from cds_hooks.populations.run import Replay
        from cds_hooks.populations.run import replay as run
        from cds_hooks.settings import from_environment

        settings = from_environment()
        most_bad = _share(max_bad)
        asked = Replay(
            export,
            out,
            _instants(moment, every, until),
            _shelf(settings),
            voice_of(settings),
            _other(against),
            tmp,
            key.read_bytes() if key else b"",
            buckets,
            buffer_mb << 20,
            review,
            min_count,
        )
    with shown(progress, sys.stderr) as told:
        outcome = run(asked, _engine(engine, workers), told)
    for line in outcome.lines:
        click.echo(line)
    if outcome.bad_share > most_bad:
        click.echo(
            f"{outcome.bad_share:.2%} of the lines could not be used: more than --max-bad {max_bad}.", err=True
        )
        sys.exit(1)


def _engine(name: str, workers: int | None) -> Engine:
    if name == _LOCAL:
        from cds_hooks.populations.local import Local

        return Local(workers or os.cpu_count() or 1)
    try:
        from cds_hooks.populations.spark import connected
    except ImportError:
        raise click.UsageError(
            "Spark is not installed here: pip install 'pinpoint-cds[spark]', with Java 17 beside it."
        ) from None
    engine: Engine = connected(name)  # no cover: needs Java; tests/populations
    return engine  # no cover: as above


def _shelf(settings: Settings) -> Shelf:
    """The library of this deployment, with the digest that it has now."""
    from cds_hooks.populations.job import Shelf

    root = settings.library_dir.resolve() if settings.library_dir else None
    site = settings.site_dir.resolve() if settings.site_dir else None
    return Shelf(root, site=site, require_reviewed=settings.require_reviewed).sealed()


def _other(root: Path | None) -> Shelf | None:
    from cds_hooks.populations.job import Shelf

    return Shelf(root.resolve()).sealed() if root else None


def _instants(moment: str, every: str | None, until: str | None) -> tuple[datetime, ...]:
    """One instant, or a series with both ends; none stands for the start of each visit."""
    if bool(every) != bool(until):
        raise click.UsageError("Give --every and --until together.")
    if moment == _ENCOUNTERS:
        if every:
            raise click.UsageError("--at encounters takes neither --every nor --until.")
        return ()
    first = _instant(moment, "--at")
    if not every or not until:
        return (first,)
    step, last = _step(every), _instant(until, "--until")
    if last < first:
        raise click.BadParameter("lies before --at", param_hint="--until")
    return tuple(first + step * number for number in range((last - first) // step + 1))


def _instant(text: str, option: str) -> datetime:
    """Never without a zone: which patients have a card can turn on an hour."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(_FORM, param_hint=option) from None
    if at.tzinfo is None:
        raise click.BadParameter(f"has no zone: {_FORM}, or with +01:00", param_hint=option)
    return at


def _step(text: str) -> timedelta:
    parts = re.fullmatch(r"([1-9][0-9]*)([mhdw])", text)
    if not parts:
        raise click.BadParameter("write it as 30m, 6h, 1d or 2w", param_hint="--every")
    return timedelta(**{_UNITS[parts[2]]: int(parts[1])})


def _share(text: str) -> float:
    parts = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", text)
    if not parts:
        raise click.BadParameter("write it as 0.1%", param_hint="--max-bad")
    return float(parts[1]) / 100
