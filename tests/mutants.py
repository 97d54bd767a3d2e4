"""`python -m tests.mutants`: small faults are sown into reasoning and guard, and the tests must notice them.

Of every change a sample (some modules, some faults of each, the same for the same `--seed`), with `CDS_NIGHTLY`
all of them. Prints a table by module and the faults that no test noticed; ends with 1 when those were too many.
A test that did not come to an end in time is no notice: on a crowded machine that is chance. See docs/mutants.md.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

from mutmut.__main__ import cli
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name

from tests.lengths import NIGHTLY

FLOOR = 85
"""Of a hundred faults, so many must be noticed."""


def main() -> None:
    """Sows, has the tests look, and judges."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", default="1", help="another seed draws other faults")
    parser.add_argument("--modules", type=int, default=6, help="how many modules to draw from")
    parser.add_argument("--faults", type=int, default=60, help="how many faults to draw")
    parser.add_argument("--children", type=int, default=os.cpu_count(), help="faults looked at side by side")
    options = parser.parse_args()
    shutil.rmtree("mutants", ignore_errors=True)  # mutmut would take the copies of a sample for a night's
    names = [] if NIGHTLY else _sample(random.Random(options.seed), options.modules, options.faults)
    cli.main(["run", "--max-children", str(options.children), *names], standalone_mode=False)
    sys.exit(0 if _told(set(names)) >= FLOOR else 1)


def _sample(drawn: random.Random, modules: int, faults: int) -> list[str]:
    """Names of faults. No other modules than those they are in are touched from now on."""
    paths = sorted(path for path in walk_mutatable_files() if path.stat().st_size)
    paths = drawn.sample(paths, min(modules, len(paths)))
    config().only_mutate = [str(path) for path in paths]
    known = [name for path in paths for name in _faults(path)]
    return drawn.sample(known, min(faults, len(known)))


def _faults(path: Path) -> list[str]:
    sown = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
    return [get_mutant_name(path, name) for name in sown.mutant_names]


def _told(names: set[str]) -> float:
    """How many of a hundred were noticed, after the table. Without names: of all."""
    total = Counter[str]()
    print(f"\n{'module':26} noticed  alive  (late)")
    for path in sorted(walk_mutatable_files()):
        found = {name: status for name, status in _results(path).items() if name in names or not names}
        if found:
            counted = Counter(found.values())
            total += counted
            print(_line(f"{path.parent.name}.{path.stem}", counted))
            print(
                *(f"    {status}: {name}\n" for name, status in found.items() if status != "killed"),
                sep="",
                end="",
            )
    print(_line("together", total))
    return _score(total)


def _results(path: Path) -> dict[str, str]:
    data = SourceFileMutationData(path=path)
    data.load()
    return {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}


def _line(name: str, counted: Counter[str]) -> str:
    alive = counted.total() - counted["killed"]
    return f"{name:26} {counted['killed']:7} {alive:6} {counted['timeout']:7}  {_score(counted):5.1f} %"


def _score(counted: Counter[str]) -> float:
    return 100 * counted["killed"] / max(counted.total(), 1)


if __name__ == "__main__":
    main()
