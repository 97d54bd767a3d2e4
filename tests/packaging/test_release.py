"""What ships is recorded: the rules in this checkout are those of a version that was given out, or will be now."""

from cds_hooks.reasoning.library import data_root, load
from cds_hooks.reasoning.release import is_recorded, recorded, release_faults


def test_the_version_of_the_rules_is_recorded_before_it_ships() -> None:
    library = load()

    assert recorded(data_root()), "knowledge/release.json is gone; take it from the last commit"
    assert release_faults(library, data_root()) == ()
    assert is_recorded(library, data_root()), "run `pinpoint release` when the knowledge of this version is done"
