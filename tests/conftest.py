"""What every test shares: one event loop, and generated examples that are the same on every run."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # it times the machine, and others may work on that
)
settings.load_profile("quick")


@pytest.fixture
def anyio_backend() -> str:
    """asyncio, the loop the service runs on; without it anyio runs each test on trio as well."""
    return "asyncio"
