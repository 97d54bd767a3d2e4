"""The commands about what a deployment does over time: report, diff."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cds_hooks.report.numbers import Report
    from cds_hooks.settings import Settings

_DAYS = 30


@click.command()
@click.option("--since", default=None, help="Day or instant, ISO 8601. Default: thirty days ago.")
@click.option("--until", default=None, help="Day or instant, ISO 8601. Default: now.")
@click.option("--csv", "as_csv", is_flag=True, help="Firings by rule and day (over a long time: week) as CSV.")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write the page to this file."
)
def report(since: str | None, until: str | None, page: Path | None, *, as_csv: bool) -> None:
    """Tell what the service did, from the journal (CDS_JOURNAL): firing, unknown, overrides, codes nobody knew."""
    from cds_hooks.journal.later import OpenedLater
    from cds_hooks.reasoning.library import load
    from cds_hooks.reasoning.site import deployed
    from cds_hooks.report.gather import gather
    from cds_hooks.report.page import insights_page
    from cds_hooks.report.table import report_csv
    from cds_hooks.report.words import summary
    from cds_hooks.settings import from_environment

    if as_csv and page is not None:
        raise click.UsageError("--csv writes a table, --html a page: ask for one of them.")
    settings = from_environment()
    _be_there(settings)
    library = deployed(load(settings.library_dir), settings.site_dir, require_reviewed=settings.require_reviewed)
    ends = _instant(until, "--until") or datetime.now(UTC)
    begins = _instant(since, "--since") or ends - timedelta(days=_DAYS)
    if begins >= min(ends, datetime.now(UTC)):
        raise click.BadParameter("must lie before --until and before now", param_hint="--since")

    async def read() -> Report:
        journal = OpenedLater(settings.journal_url, keep_comments=False)
        try:
            return await journal.ask(lambda store: gather(store, begins, ends))
        finally:
            await journal.close()

    found = asyncio.run(read())
    if page is not None:
        page.write_bytes(insights_page(found, library))
        click.echo(f"{page}: {found.judged} calls")
    elif as_csv:
        click.echo(report_csv(found), nl=False)
    else:
        for line in summary(found, library):
            click.echo(line)


@click.command()
@click.argument("old", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("charts", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", "moment", default=None, help="Instant to judge CHARTS at, ISO 8601. Default: now.")
def diff(old: Path, new: Path, charts: tuple[Path, ...], moment: str | None) -> None:
    """Tell how the rules in the folders OLD and NEW differ, and which cards of CHARTS do.

    OLD and NEW each hold mappings/ and knowledge/. CHARTS are requests of a hook or Bundles of one patient.
    """
    from cds_hooks.comparing import changed_cards, changed_rules, versions
    from cds_hooks.reasoning.library import load

    before, after = load(old), load(new)
    rules = [*changed_rules(before, after)]
    click.echo(versions(before, after))
    for line in rules or ["No rule differs."]:
        click.echo(line)
    if charts:
        cards = [*changed_cards(charts, before, after, _instant(moment, "--at") or datetime.now(UTC))]
        for line in ["", *(cards or [f"The cards of all {len(charts)} charts are the same."])]:
            click.echo(line)


def _be_there(settings: Settings) -> None:
    """Nothing; a report makes no journal. Raises JournalUnavailable when the file is not there, or none is."""
    from cds_hooks.errors import JournalUnavailable

    journal = settings.journal_file
    is_there = journal.exists() if journal else settings.is_journal_shared
    if not is_there:
        raise JournalUnavailable(
            "There is no journal at CDS_JOURNAL: set it as the service has it, and where that is a relative path, "
            "run in the folder of the service. The service makes the file with its first call; a sandbox without "
            "CDS_JOURNAL keeps it in memory, where no other command sees it."
        )


def _instant(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            "write it as 2026-03-18 or 2026-03-18T12:00:00+00:00", param_hint=option
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
