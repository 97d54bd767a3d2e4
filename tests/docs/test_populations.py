"""Every command of the population page runs and leaves what the page says."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from tests.build import write_library
from tests.unit.populations.exports import silent, speaking, write_export

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/populations.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder in which the commands of the page can run."""
    folder = tmp_path_factory.mktemp("house")
    write_export(folder / "export", [*speaking("p1"), *silent("p2")])
    write_library(folder / "old-library")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command, house, monkeypatch):
    monkeypatch.chdir(house)
    program, *words = shlex.split(command)

    result = CliRunner().invoke(main, [*words, "--progress", "none", "--workers", "1"])

    assert "pinpoint" == program
    assert 0 == result.exit_code, result.output
    out = house / words[words.index("--out") + 1]
    assert (out / "report.html").exists()
    assert (out / "review").exists() is ("--review" in words)


def test_the_page_shows_commands_and_names_every_option():
    options = {option for line in COMMANDS for option in re.findall(r"--[a-z-]+", line)}

    assert {"--at", "--every", "--until", "--out", "--against", "--review"} <= options
    assert {"--engine", "--tmp", "--key", "--buffer-mb", "--min-count", "--max-bad", "--progress"} <= set(
        re.findall(r"--[a-z-]+", PAGE)
    )
