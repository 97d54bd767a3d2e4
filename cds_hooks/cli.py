"""The command line: serve, explain, validate, check, check-jwt, check-client, codes, coverage, load-terms, schema,
replay.

The commands about what a deployment does over time are in cli_report.

Each command loads only what it needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

import click

from cds_hooks.cli_report import diff, report
from cds_hooks.errors import CdsError, DataUnavailable, RequestError

if TYPE_CHECKING:
    from cds_hooks.chart.record import PatientRecord
    from cds_hooks.guard.clients import CdsClient
    from cds_hooks.guard.diagnosis import Report
    from cds_hooks.model.library import Library
    from cds_hooks.reasoning.coverage import CodeCount, Coverage
    from cds_hooks.settings import Settings
    from cds_hooks.transport import Client


_REPLAY = "replay"
"""A command in a module of its own: it has a package behind it."""


class _Commands(click.Group):
    """Our own errors as messages, not as tracebacks; who stops reading, as `head` does, ends a command."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return self._written(ctx)
        except CdsError as error:
            raise click.ClickException(str(error)) from None
        except BrokenPipeError:
            # What is still to be written at the end of the process goes nowhere, and fails at nothing.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)

    def _written(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        finally:
            sys.stdout.flush()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == _REPLAY:
            from cds_hooks.populations.command import replay

            return replay
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), _REPLAY])


@click.group(cls=_Commands)
@click.version_option(package_name="pinpoint-cds", prog_name="pinpoint")
def main() -> None:
    """Pinpoint: decision support for bleeding into the skin, by CDS Hooks."""


main.add_command(report)
main.add_command(diff)


@main.command()
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--host", default="127.0.0.1", show_default=True)
def serve(port: int, host: str) -> None:
    """Start the service; CDS_PROFILE decides how (production by default)."""
    from cds_hooks import listening
    from cds_hooks.opening import opening

    with listening.listen(host, port, another="pinpoint serve --port 8081") as listener:
        with opening():
            from cds_hooks.app import create_app
            from cds_hooks.settings import from_environment

            app = create_app(from_environment())
        listening.serve(app, listener)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", "moment", default=None, help="Instant to judge at, ISO 8601 with zone. Default: now.")
@click.option("--all", "whole", is_flag=True, help="Also every undecided and absent rule, and every finding.")
def explain(files: tuple[Path, ...], moment: str | None, *, whole: bool) -> None:
    """Print the cards for FILES and the reasoning behind them, line by line.

    Each file is the request of a hook, or a Bundle of one patient. Dates in it may be written relative to the
    instant ("@-6h"), as in the stories of the sandbox.
    """
    from cds_hooks.cards.compose import voice_of
    from cds_hooks.chart.relative import dated
    from cds_hooks.explaining import explained
    from cds_hooks.settings import from_environment

    library, at, voice, refused = _library(), _instant(moment), voice_of(from_environment()), 0
    for file in files:
        _say([f"── {file}"] if len(files) > 1 else [])
        try:
            _say(explained(dated(file.read_bytes(), at), library, at, voice, whole=whole))
        except (RequestError, DataUnavailable) as error:
            click.echo(f"Error: {file}: {error}", err=True)
            refused += 1
    sys.exit(1 if refused else 0)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fhir", "release", type=click.Choice(["R4B", "R5", "STU3"]), default="R4B", show_default=True)
def validate(files: tuple[Path, ...], release: Literal["R4B", "R5", "STU3"]) -> None:
    """Tell what in FILES (resources, Bundles, requests) is not valid FHIR. Exit code 1 when something is not."""
    from cds_hooks.chart.relative import dated
    from cds_hooks.chart.strict import problems

    found = 0
    for file in files:
        lines = problems(dated(file.read_bytes(), datetime.now(UTC)), release)
        found += len(lines)
        _say([f"{file}: {len(lines)} problems" if lines else f"{file}: valid", *(f"  {line}" for line in lines)])
    sys.exit(1 if found else 0)


@main.command()
def check() -> None:
    """Check mappings and knowledge: shapes, ids, citations, wording, and every case beside a rule.

    A site folder (CDS_SITE_DIR) is checked too; cases that read otherwise with its settings are listed.
    """
    from cds_hooks.checking import faults, warnings
    from cds_hooks.reasoning.cases import check_cases
    from cds_hooks.reasoning.library import load

    root, here = _library_root(), _library()
    library = load(root)
    report = faults(library, root, datetime.now(UTC).date())
    _say([f"warning: {line}" for line in warnings(library, root)])
    _say(report.faults)
    rules = f"{len(library.findings)} findings, {len(library.criteria)} criteria, {len(library.causes)} causes"
    _say([f"{rules}, {report.judged} cases: {len(report.faults)} faults"])
    if here.site:
        differing = [fault for fault in check_cases(here, root).faults if ": case " in fault]
        differing = [fault for fault in differing if fault not in report.faults]
        _say(["", f"Site settings ({len(here.site)})", *(f"  {line}" for line in here.site)])
        _say([f"With them {len(differing)} cases read otherwise", *(f"  {line}" for line in differing)])
    sys.exit(1 if report.faults else 0)


@main.command("release")
def record_release() -> None:
    """Record the knowledge as given out under its version. Afterwards a change needs a new version.

    Refused without a line in knowledge/CHANGELOG.md, and when other rules have this version already.
    """
    from cds_hooks.reasoning.library import load
    from cds_hooks.reasoning.release import RECORD, with_release

    root = _library_root()
    library = load(root)
    text = with_release(library, root)
    (root / RECORD).write_text(text, encoding="utf-8")
    _say([f"{RECORD}: {library.card.version} is recorded"])


@main.command()
@click.option("--write", is_flag=True, help="Write docs/knowledge.md beside the rules.")
def docs(*, write: bool) -> None:
    """Print every rule with its sources and its state of review, as Markdown."""
    from cds_hooks.pages.document import markdown
    from cds_hooks.pages.knowledge import knowledge_page
    from cds_hooks.reasoning.library import load

    root = _library_root()
    text = markdown(knowledge_page(load(root)))
    if write:
        path = root / "docs" / "knowledge.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)


@main.group()
def journal() -> None:
    """Work on the journal of cards and feedback (CDS_JOURNAL)."""


@journal.command("upgrade")
def journal_upgrade() -> None:
    """Bring the journal to the shape of this release, or make it. Keep a copy of the file first."""
    import asyncio

    from cds_hooks.journal.opening import upgrade_at
    from cds_hooks.settings import from_environment

    before, now = asyncio.run(upgrade_at(from_environment().journal_url))
    _say(
        [
            "The journal is up to date."
            if before == now
            else f"The journal went from {before or 'nothing'} to {now}."
        ]
    )


@main.command()
@click.option("--csv", "_as_csv", is_flag=True, required=True, help="As comma-separated values with a header.")
def codes(_as_csv: object) -> None:
    """List every code that mappings use: concept, system (URI), code, display. CSV is the only form yet."""
    import csv

    from cds_hooks.reasoning.codes import system_uri

    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(("concept", "system", "code", "display"))
    for concept in _library().concepts.values():
        rows.writerows((concept.id, system_uri(code.system), code.code, code.display) for code in concept.codes)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--csv", "as_csv", is_flag=True, help="Every code as comma-separated values with a header.")
@click.option("--top", default=30, show_default=True, help="Unmapped codes to list of each kind.")
def coverage(files: tuple[Path, ...], top: int, *, as_csv: bool) -> None:
    """Tell which codes in FILES stand for a concept and which do not, most frequent first.

    FILES are requests, Bundles or NDJSON exports, also gzipped. Only codes and their displays are printed.
    """
    from cds_hooks.reasoning.coverage import coverage as covered

    seen = covered(_records(files, datetime.now(UTC)), _library())
    _say(_coverage_csv(seen) if as_csv else _coverage_lines(seen, top))


@main.command("load-terms")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Site folder. Default: CDS_SITE_DIR."
)
def load_terms(file: Path, out: Path | None) -> None:
    """Write a product table of our ingredients from FILE into the site folder.

    FILE is a downloaded release: RxNorm (RXNCONSO.RRF with RXNREL.RRF, full or Prescribe), or dm+d as XML or
    as a CSV list of codes and names. Their licences are between you and their owners.
    """
    from cds_hooks.reasoning.library import load as load_library
    from cds_hooks.settings import from_environment
    from cds_hooks.terms.loading import load
    from cds_hooks.terms.rows import write_table

    settings = from_environment()
    site = out or settings.site_dir
    if site is None:
        raise click.UsageError("Give the site folder with --out, or set CDS_SITE_DIR.")
    library = load_library(settings.library_dir)
    with _progress() as opened:
        try:
            name, rows = load(file, library, opened)
            written = write_table(rows, site / "products" / f"{name}.csv")
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="FILE") from None
    found = {row.ingredient for row in written}
    without = [c.id for c in library.concepts.values() if c.kind == "ingredient" and c.id not in found]
    _say([f"{site / 'products' / name}.csv: {len(written)} rows for {len(found)} ingredients"])
    _say([f"No product of: {', '.join(without)}"] if without else [])


@main.command("check-jwt")
@click.argument("token")
@click.option("--client", "name", required=True, help="The client's name in the file CDS_CLIENTS.")
@click.option("--audience", required=True, help="The address that is called, as aud of the token must name it.")
def check_jwt(token: str, name: str, audience: str) -> None:
    """Tell everything because of which TOKEN would be refused; - reads it from standard input.

    Exit code 1 when something is wrong. A token is a password for some minutes: use one made for this test.
    """
    import asyncio

    from cds_hooks.guard.diagnosis import about_token
    from cds_hooks.guard.keys import KeySets, reader

    text = sys.stdin.read().strip() if token == "-" else token  # noqa: S105  # the usual name of standard input
    client, http, settings = _client(name)
    keys = KeySets(reader(http), demo_key=settings.is_sandbox)
    _report(asyncio.run(about_token(text, client, keys, audiences=[audience], at=datetime.now(UTC))))


@main.command("check-client")
@click.argument("name")
def check_client(name: str) -> None:
    """Tell what the entry NAME of the file CDS_CLIENTS comes to: keys as they are now, audiences, servers.

    Exit code 1 when something is wrong.
    """
    import asyncio

    from cds_hooks.guard.diagnosis import about_client
    from cds_hooks.guard.keys import reader

    client, http, settings = _client(name)
    public = settings.public_url.rstrip("/")
    _report(asyncio.run(about_client(client, reader(http), public, demo_key=settings.is_sandbox)))


@main.command()
@click.option("--write", is_flag=True, help="Write the files below mappings/schema and knowledge/schema.")
def schema(*, write: bool) -> None:
    """Print the JSON Schemas of the YAML files, for editors."""
    import json

    from cds_hooks.reasoning.library import data_root, schemas

    for name, content in schemas().items():
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        if write:
            path = data_root() / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            _say([f"// {name}", text])


def _client(name: str) -> tuple[CdsClient, Client, Settings]:
    """The client of this name, an HTTP client that may ask its servers, and the settings both come from."""
    from cds_hooks.chart.queries import queries
    from cds_hooks.guard.clients import load as load_clients
    from cds_hooks.guard.gate import private_hosts
    from cds_hooks.settings import from_environment
    from cds_hooks.transport import Client

    settings = from_environment()
    if settings.clients is None:
        raise click.UsageError("Set CDS_CLIENTS to the file that names the clients.")
    templates = {query.key: query.template for query in queries(_library())}
    clients = load_clients(settings.clients, templates, sandbox=settings.is_sandbox)
    if name not in clients.by_name:
        raise click.UsageError(f"The file names no such client; it names {', '.join(clients.by_name)}.")
    return clients.by_name[name], Client(private_hosts(settings, clients)), settings


def _report(report: Report) -> None:
    _say(report.facts)
    _say(
        ["", f"Wrong ({len(report.problems)})", *(f"  {line}" for line in report.problems)]
        if report.problems
        else []
    )
    sys.exit(1 if report.problems else 0)


def _records(files: tuple[Path, ...], at: datetime) -> Iterator[PatientRecord]:
    from cds_hooks.chart.files import records

    for file in files:
        with _opened(file) as stream:
            yield from records(stream, at)


def _opened(file: Path) -> BinaryIO:
    """The file for reading, unpacked when it is gzipped, whatever it is called."""
    import gzip

    with file.open("rb") as start:
        is_gzipped = start.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(file, "rb")) if is_gzipped else file.open("rb")


def _coverage_lines(seen: Coverage, top: int) -> list[str]:
    from cds_hooks.reasoning.coverage import KINDS

    lines: list[str] = []
    for kind in KINDS:
        total, mapped = seen.total(kind), seen.mapped(kind)
        share = f"{mapped * 100 / total:.1f} %" if total else "none"
        by_text = seen.entries.get((kind, "text"), 0)
        lines += [f"{kind}: {mapped} of {total} entries mapped ({share}), {by_text} of them by words"]
        unmapped = [row for row in seen.codes if row.seen.kind == kind and row.unread]
        lines += [f"  {row.unread:>7}  {_code_in_words(row)}" for row in unmapped[:top]]
        lines += [f"           and {len(unmapped) - top} more codes"] if len(unmapped) > top else []
    return lines


def _code_in_words(row: CodeCount) -> str:
    return (
        f"{row.seen.system}|{row.seen.code} {row.display}".rstrip() if row.seen.code else "entries without a code"
    )


def _coverage_csv(seen: Coverage) -> list[str]:
    import csv
    import io

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("kind", "count", "unread", "system", "code", "display", "concepts"))
    for row in seen.codes:
        rows.writerow(
            (
                row.seen.kind,
                row.count,
                row.unread,
                row.seen.system,
                row.seen.code,
                row.display,
                " ".join(row.concepts),
            )
        )
    return text.getvalue().splitlines()


@contextmanager
def _progress() -> Iterator[Callable[[Path], BinaryIO]]:
    """Opens files with a bar for each on standard error, and closes them."""
    from rich.console import Console
    from rich.progress import Progress

    with ExitStack() as files, Progress(console=Console(stderr=True)) as progress:
        yield lambda path: files.enter_context(progress.open(path, "rb", description=path.name))


def _library_root() -> Path:
    """The folder of the rules as given out, before what a site sets."""
    from cds_hooks.reasoning.library import data_root
    from cds_hooks.settings import from_environment

    return from_environment().library_dir or data_root()


def _library() -> Library:
    """The library as this deployment uses it."""
    from cds_hooks.reasoning.library import load
    from cds_hooks.reasoning.site import deployed
    from cds_hooks.settings import from_environment

    settings = from_environment()
    released = load(settings.library_dir)
    return deployed(released, settings.site_dir, require_reviewed=settings.require_reviewed)


def _instant(moment: str | None) -> datetime:
    if moment is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise click.BadParameter("write it as 2026-03-18T12:00:00+00:00", param_hint="--at") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _say(lines: list[str] | tuple[str, ...]) -> None:
    for line in lines:
        click.echo(line)


if __name__ == "__main__":  # no cover: a process of its own; `pinpoint` is the same
    main()
