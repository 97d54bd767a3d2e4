"""One address for the service and its EHR: who answers which path, and how a newcomer is told.

/fhir/…            the FHIR server (sandbox.ehr)
/                  the welcome page; the chart-and-cards page will take its place
everything else    the CDS service: /cds-services, /health, …
"""

import json
import shlex
from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.ehr import PATH
from sandbox.store import Store, Story

WORTH_TRYING = ("child-fever-purpura", "adult-petechiae-no-count", "aspirin-forearm-purpura")
"""An emergency, a reason to test within two days, and a medicine that may explain it."""


def one_site(service: ASGIApp, fhir: ASGIApp, welcome: ASGIApp) -> ASGIApp:
    """The ASGI application that hands each request to the part it is for; start and stop go to the service."""

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == PATH or path.startswith(f"{PATH}/"):
            await fhir(scope, receive, send)
        elif path == "/":
            await welcome(scope, receive, send)
        else:
            await service(scope, receive, send)

    return site


def invitation(base_url: str, service_url: str, store: Store, hook_instance: str) -> str:
    """What the terminal shows at start: the addresses, three patients, and a request to paste."""
    told = {story.id: story for story in store.stories}
    tries = [told[patient_id] for patient_id in WORTH_TRYING]
    lines = [
        f"Pinpoint sandbox     {base_url}/   (fictional patients, not clinically signed off)",
        f"CDS Hooks discovery  {base_url}/cds-services",
        f"FHIR R4 server       {base_url}{PATH}   ({len(store.stories)} patients)",
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
        "fhirServer": f"{base_url}{PATH}",
        "context": {"userId": "Practitioner/sandbox", "patientId": patient_id},
    }
    words = ["curl", "-s", "-H", "Content-Type: application/json", "-d", json.dumps(request), service_url]
    return shlex.join(words)


def welcome_page(base_url: str, stories: Sequence[Story]) -> HTMLResponse:
    """A plain page that says where things are and who the patients are."""
    rows = "\n".join(_row(base_url, story) for story in stories)
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pinpoint sandbox</title>
<meta name="viewport" content="width=device-width"></head><body>
<h1>Pinpoint sandbox</h1>
<p>A CDS Hooks service for bleeding into the skin, and a small EHR to try it with. All patients are fictional;
nothing here is clinically signed off.</p>
<ul>
<li>CDS Hooks discovery: <a href="{escape(base_url)}/cds-services">{escape(base_url)}/cds-services</a></li>
<li>FHIR R4 server: <a href="{escape(base_url + PATH)}/metadata">{escape(base_url + PATH)}</a></li>
</ul>
<h2>Patients</h2>
<table><thead><tr><th>Patient id</th><th>Story</th><th>What happened</th></tr></thead><tbody>
{rows}
</tbody></table>
</body></html>
"""
    )


def _row(base_url: str, story: Story) -> str:
    address = escape(f"{base_url}{PATH}/Patient/{story.id}")
    return (
        f'<tr><td><a href="{address}">{escape(story.id)}</a></td>'
        f"<td>{escape(story.kind)}</td><td>{escape(story.headline)}</td></tr>"
    )
