"""The charts as they stand at one fixed moment, and a client of the FHIR server over them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from sandbox.ehr import fhir_router
from sandbox.store import Store, load


@pytest.fixture(scope="session")
def at() -> datetime:
    return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def charts(at: datetime) -> Store:
    return load(at)


@pytest.fixture(scope="session")
def client(charts: Store) -> Iterator[TestClient]:
    server = fhir_router(lambda: charts, base_url="https://sandbox.example/fhir")
    with TestClient(server, base_url="http://what-the-caller-calls-it") as client:
        yield client
