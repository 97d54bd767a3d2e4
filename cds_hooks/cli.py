"""The command line: serve, explain, validate, check, codes, schema. Each loads only what it needs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from cds_hooks.errors import CdsError

if TYPE_CHECKING:
    from cds_hooks.model import Library


class _Commands(click.Group):
    """Our own errors as messages, not as tracebacks."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CdsError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Commands)
@click.version_option(package_name="pinpoint-cds", prog_name="pinpoint")
def main() -> None:
    """Pinpoint: decision support for bleeding into the skin, by CDS Hooks."""


@main.command()
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--host", default="127.0.0.1", show_default=True)
def serve(port: int, host: str) -> None:
    """Start the service; CDS_PROFILE decides how (production by default)."""
    import uvicorn

    from cds_hooks.app import create_app
    from cds_hooks.settings import from_environment

    app = create_app(from_environment())
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, log_level="warning")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", "moment", default=None, help="Instant to judge at, ISO 8601 with zone. Default: now.")
def explain(file: Path, moment: str | None) -> None:
    """Print the reasoning about FILE, a patient-view request or a Bundle of one patient, line by line."""
    from cds_hooks.cards.compose import Voice
    from cds_hooks.cards.explain import explain as trace
    from cds_hooks.chart.strict import problems
    from cds_hooks.service import answer, record_of_file

    library = _library()
    body = file.read_bytes()
    at = _instant(moment)
    advice = answer(record_of_file(body, library, at), library, at, Voice())
    _say(trace(advice.record, advice.assessment, library, advice.cards))
    invalid = problems(body)
    _say(
        ["", f"Not valid FHIR R4 ({len(invalid)}); none of it hides an entry", *(f"  {line}" for line in invalid)]
    )


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fhir", "release", type=click.Choice(["R4B", "R5", "STU3"]), default="R4B", show_default=True)
def validate(files: tuple[Path, ...], release: Literal["R4B", "R5", "STU3"]) -> None:
    """Tell what in FILES (resources, Bundles, requests) is not valid FHIR. Exit code 1 when something is not."""
    from cds_hooks.chart.strict import problems

    found = 0
    for file in files:
        lines = problems(file.read_bytes(), release)
        found += len(lines)
        _say([f"{file}: {len(lines)} problems" if lines else f"{file}: valid", *(f"  {line}" for line in lines)])
    sys.exit(1 if found else 0)


@main.command()
def check() -> None:
    """Check mappings and knowledge: shapes, ids, citations, wording, and every case beside a rule."""
    from cds_hooks.reasoning.cases import check_cases
    from cds_hooks.reasoning.lint import reviews_due, unused_findings
    from cds_hooks.settings import from_environment

    root = from_environment().library_dir
    library = _library()
    report = check_cases(library, root)
    faults = [*report.faults, *reviews_due(library, datetime.now(UTC).date())]
    unused = unused_findings(library)
    if unused:
        _say([f"warning: {len(unused)} findings are not used by a rule yet: {', '.join(unused)}"])
    _say(faults)
    rules = f"{len(library.findings)} findings, {len(library.criteria)} criteria, {len(library.causes)} causes"
    _say([f"{rules}, {report.judged} cases: {len(faults)} faults"])
    sys.exit(1 if faults else 0)


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


def _library() -> Library:
    from cds_hooks.reasoning.library import load
    from cds_hooks.settings import from_environment

    return load(from_environment().library_dir)


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
