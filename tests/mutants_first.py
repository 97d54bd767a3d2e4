"""The tests of a module before all others, while a fault sown into that module is looked for: docs/mutants.md.

A fault is found by the first test that fails, and that is mostly one of the module's own.
"""

import os


def pytest_collection_modifyitems(items):
    """Puts what is named after the module with the fault first; the rest stays in its order."""
    module = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")[0].rpartition(".")[2]
    items.sort(key=lambda item: item.path.name != f"test_{module}.py")
