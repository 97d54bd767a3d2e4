"""One address for the service and its EHR: who answers which path, and how a newcomer is told.

/fhir/…            the FHIR server (sandbox.ehr)
/ and /page/…      the page with charts and cards (sandbox.page_server)
everything else    the CDS service: /cds-services, /explain, /livez, …
"""

import json
import shlex

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.ehr import PATH as FHIR
from sandbox.page_server import PATH as PAGE
from sandbox.store import Store

WORTH_TRYING = ("child-fever-purpura", "adult-petechiae-no-count", "aspirin-forearm-purpura")
"""An emergency, a reason to test within two days, and a medicine that may explain it."""


def one_site(service: ASGIApp, fhir: ASGIApp, page: ASGIApp) -> ASGIApp:
    """The ASGI application that hands each request to the part it is for; start and stop go to the service."""

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if _below(FHIR, path):
            await fhir(scope, receive, send)
        elif path == "/" or _below(PAGE, path):
            await page(scope, receive, send)
        else:
            await service(scope, receive, send)

    return site


def _below(start: str, path: str) -> bool:
    return path == start or path.startswith(f"{start}/")


def invitation(base_url: str, service_url: str, store: Store, hook_instance: str) -> str:
    """What the terminal shows at start: the addresses, three patients, and a request to paste."""
    told = {story.id: story for story in store.stories}
    tries = [told[patient_id] for patient_id in WORTH_TRYING]
    lines = [
        f"Open this page       {base_url}/   (fictional patients, not clinically signed off)",
        f"CDS Hooks discovery  {base_url}/cds-services",
        f"FHIR R4 server       {base_url}{FHIR}   ({len(store.stories)} patients)",
        "",
        "Patients worth trying:",
        *(f"  {story.id:<26} {story.headline}" for story in tries),
        "",
        "A request that answers with a critical card; the service fetches the chart itself:",
        curl_line(base_url, service_url, WORTH_TRYING[0], hook_instance),
    ]
    return "\n".join(lines)


def curl_line(base_url: str, service_url: str, patient_id: str, hook_instance: str) -> str:
    """A shell command that asks the service about one patient, without prefetch."""
    request = {
        "hook": "patient-view",
        "hookInstance": hook_instance,
        "fhirServer": f"{base_url}{FHIR}",
        "context": {"userId": "Practitioner/sandbox", "patientId": patient_id},
    }
    words = ["curl", "-s", "-H", "Content-Type: application/json", "-d", json.dumps(request), service_url]
    return shlex.join(words)
