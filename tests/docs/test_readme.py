"""What README promises: its commands run, its settings and commands are all of them."""

import os
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest

from cds_hooks import cli
from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from tests.docs.sample_card import BOX, with_card

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
SHOWN = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]


def rows(text, first_cell):
    """Cells of every table row whose first cell matches."""
    lines = (line for line in text.splitlines() if line.startswith("|"))
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [row for row in cells if re.fullmatch(first_cell, row[0])]


def default_of(field):
    value = field.default
    if value in ("", None, ()):
        return "not set"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_that_readme_shows_runs(command):
    program, *arguments = shlex.split(command)
    scripts = Path(sysconfig.get_path("scripts"))
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}

    done = subprocess.run(
        [scripts / Path(program).name, *arguments],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.strip()


def test_readme_shows_commands():
    assert len(SHOWN) > 3


def test_the_card_that_readme_shows_is_the_one_that_is_answered():
    assert BOX.search(README) is not None
    if with_card(README) != README:
        pytest.fail("the card in README is out of date; write it anew: python -m tests.docs.sample_card")


def test_every_address_of_the_service_stands_in_the_table():
    served = {_as_written(route.path) for route in create_app(Settings(profile="sandbox")).routes}
    table = README.partition("## Addresses")[2].partition("\n## ")[0]

    assert served == {re.sub(r"`(?:POST )?([^`]*)`", r"\1", row[0]) for row in rows(table, "`(?:POST )?/.*`")}


def _as_written(path):
    """The address with `{id}` for the name of a service; the variants with a slash more are the same to README."""
    return re.sub(r"/cds-services/+[^/]+", "/cds-services/{id}", path).rstrip("/")


def test_every_setting_stands_in_the_table_with_its_default():
    expected = {f"`CDS_{name.upper()}`": default_of(field) for name, field in Settings.model_fields.items()}

    assert expected == {row[0]: row[1] for row in rows(README, "`CDS_.*")}


def test_the_deployment_page_speaks_of_every_setting():
    page = (ROOT / "docs/deploy/README.md").read_text(encoding="utf-8")

    assert {f"`CDS_{name.upper()}`" for name in Settings.model_fields} == {row[0] for row in rows(page, "`CDS_.*")}


def test_every_command_stands_in_the_table():
    table = README.partition("## Commands")[2].partition("```")[0]

    assert {f"`{name}`" for name in cli.main.commands} == {row[0] for row in rows(table, "`.*`")}


@pytest.mark.parametrize("options", ["--require-hashes -r", "--no-deps --no-build-isolation -e ."])
def test_the_plain_commands_install_as_the_makefile_does(options):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert f"-m pip install --quiet {options}" in makefile
    assert f"-m pip install {options}" in README
