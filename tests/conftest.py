"""What every test shares: one event loop, and generated examples that are the same on every run."""

import pytest
from hypothesis import settings

settings.register_profile("quick", derandomize=True, deadline=None, database=None)
settings.load_profile("quick")


@pytest.fixture
def anyio_backend() -> str:
    """asyncio, the loop the service runs on; without it anyio runs each test on trio as well."""
    return "asyncio"
