"""`python -m sandbox`: the CDS service and its small EHR on one port of this machine.

Environment: PORT, 8080 without it. The service's own `CDS_` settings hold too, except that the profile
is always `sandbox` here, and CDS_PUBLIC_URL is this very address unless it is set.
"""

import os
import socket
import sys
import uuid
from datetime import UTC, datetime

from starlette.types import ASGIApp

from cds_hooks.app import create_app
from cds_hooks.errors import SettingsError
from cds_hooks.listening import listen, serve
from cds_hooks.settings import Settings, check, from_environment
from sandbox.ehr import PATH, fhir_router
from sandbox.page_server import page_router
from sandbox.site import invitation, one_site
from sandbox.store import kept_fresh

_HOST = "127.0.0.1"
_SERVICE = "petechiae-patient-view"


def main() -> None:
    """Serves until interrupted."""
    listener, settings = _begin(_port())
    base_url = settings.public_url.rstrip("/")
    charts = kept_fresh(_now)
    service: ASGIApp = create_app(settings)
    site = one_site(service, fhir_router(charts, base_url=f"{base_url}{PATH}"), page_router(charts))
    print(invitation(base_url, f"{base_url}/cds-services/{_SERVICE}", charts(), str(uuid.uuid4())), flush=True)
    serve(site, listener)


def _port() -> int:
    text = os.environ.get("PORT", "8080")
    if not text.isdecimal():
        sys.exit("PORT must be a number like 8080.")
    return int(text)


def _begin(port: int) -> tuple[socket.socket, Settings]:
    try:
        listener = listen(_HOST, port, another="PORT=9000 make run")
        return listener, _settings(f"http://{_HOST}:{listener.getsockname()[1]}")
    except SettingsError as error:
        sys.exit(str(error))


def _settings(own_address: str) -> Settings:
    # What this process starts in its turn is a sandbox too.
    os.environ["CDS_PROFILE"] = "sandbox"
    public_url = os.environ.get("CDS_PUBLIC_URL") or own_address
    settings = from_environment(profile="sandbox", public_url=public_url)
    check(settings)
    return settings


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
