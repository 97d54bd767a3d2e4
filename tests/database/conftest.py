"""One PostgreSQL server for all tests of this folder, and a journal in either kind of database."""

import pytest

from tests.databases import postgres_server


@pytest.fixture(scope="session")
def postgres():
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """The address of a journal that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}"
    return request.getfixturevalue("postgres").new_database()
