"""A stand-in for the public CDS Hooks sandbox: it asks, sends and forgets what that page was seen to.

Seen with its release of 2026-03-31, run against stubs. Deliberately no better than the original: keys are left out
when a token stays unresolved or a search fails, repeated parameters are joined, only the first page is passed on,
services are keyed by URL, tokens are dated up to half a second ahead, and nothing is said of an authorization.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx2

from tests import signing

ORIGIN = "https://sandbox.cds-hooks.org"
OLD_JSON = "application/json+fhir"
DRAWN = ("critical", "warning", "info")
_TOKEN = re.compile(r"\{\{(.*?)\}\}")


@dataclass
class PublicSandbox:
    """One browser tab on that page, opened at an address with its query."""

    address: str
    key: Any = None
    """Signs tokens when given; the original always does."""
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    patient: dict[str, Any] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.address).query).items()}
        self.fhir, self.discovery = asked["fhirServiceUrl"], asked["serviceDiscoveryURL"].split(",")
        self.patient_id, self.hook, self.screen = asked["patientId"], asked["hook"], asked["screen"]
        self.http = httpx2.Client(trust_env=False, headers={"Origin": ORIGIN})

    # ------------------------------------------------------------ at the start

    def open(self) -> None:
        """Reads server, patients and services, as the page does before it shows anything."""
        statement = self._seen(self.http.get(f"{self.fhir}/metadata", headers={"Accept": "application/json"}))
        assert statement["fhirVersion"], "without fhirVersion its screens for prescribing crash"
        assert self._fhir("Patient")["total"] > 0
        self.patient = self._fhir(f"Patient/{self.patient_id}")
        assert self.patient["name"][0]["given"], "a patient without given names counts as not found"
        assert "total" in self._fhir(f"Condition?patient={self.patient_id}")
        for url in self.discovery:
            self._preflight(url, "GET", "authorization")
            for service in self._seen(self.http.get(url, headers=self._authorized(url)))["services"]:
                self.services[f"{url}/{service['id']}"] = service  # an id that comes twice: the last wins

    def _fhir(self, relative: str) -> dict[str, Any]:
        return self._seen(self.http.get(f"{self.fhir}/{relative}", headers={"Accept": OLD_JSON}))

    def _seen(self, answer: httpx2.Response) -> dict[str, Any]:
        """The body as a page may read it: only with leave of the server, and only of a success."""
        assert answer.headers.get("access-control-allow-origin") in {"*", ORIGIN}, "the browser hides this answer"
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def _preflight(self, url: str, method: str, headers: str) -> None:
        asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
        asked["Access-Control-Request-Private-Network"] = "true"
        answer = self.http.options(url, headers=asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-private-network"] == "true"

    def _authorized(self, url: str) -> dict[str, str]:
        if self.key is None:
            return {"Authorization": "Bearer not.a.token"}
        ahead = round(time.time() + 0.5)
        said = {"iss": ORIGIN, "aud": url, "iat": ahead, "exp": ahead + 300, "jti": str(uuid4())}
        return {"Authorization": f"Bearer {signing.token(by=self.key, **said)}"}

    # ------------------------------------------------------------ a call

    def call(self, **context: Any) -> list[dict[str, Any]]:
        """The cards of every service of the hook, as they are drawn: most urgent first."""
        drawn: list[dict[str, Any]] = []
        for url, service in self.services.items():
            if service["hook"] == self.hook:
                drawn += self._post(url, self._request(service, context))["cards"]
        return sorted(drawn, key=lambda card: DRAWN.index(card["indicator"]))

    def _request(self, service: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
        whole = {"patientId": self.patient_id, "userId": "Practitioner/COREPRACTITIONER1"} | context
        request = {"hookInstance": str(uuid4()), "hook": self.hook, "fhirServer": self.fhir, "context": whole}
        found = {key: self._prefetched(template, whole) for key, template in service.get("prefetch", {}).items()}
        sent = {key: body for key, body in found.items() if body is not None}
        self.requests.append(request | ({"prefetch": sent} if sent else {}))
        return self.requests[-1]

    def _prefetched(self, template: str, context: dict[str, Any]) -> dict[str, Any] | None:
        filled = _TOKEN.sub(lambda token: str(context.get(token[1].removeprefix("context."), token[0])), template)
        if "{{" in filled:
            return None
        path, _, query = filled.partition("?")
        if not query:
            answer = self.http.get(f"{self.fhir}/{path}", headers={"Accept": OLD_JSON})
            return answer.json() if answer.status_code == 200 else None
        joined: dict[str, str] = {}
        for name, value in parse_qsl(query):
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        answer = self.http.post(f"{self.fhir}/{path}/_search", data=joined, headers={"Accept": OLD_JSON})
        if answer.status_code != 200:
            answer = self.http.get(f"{self.fhir}/{path}?{urlencode(joined)}", headers={"Accept": OLD_JSON})
        return answer.json() if answer.status_code == 200 else None

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        self._preflight(url, "POST", "authorization,content-type")
        headers = {"Content-Type": "application/json", **self._authorized(url)}
        return self._seen(self.http.post(url, content=json.dumps(body), headers=headers))

    # ------------------------------------------------------------ feedback

    def accept(self, card: dict[str, Any], suggestion: dict[str, Any]) -> None:
        """A click on a suggestion."""
        self._report(
            {"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}]}
        )

    def override(self, card: dict[str, Any], reason: dict[str, Any]) -> None:
        """A reason chosen from the menu of the arrow: code and system, no display."""
        given = {"code": reason["code"], "system": reason["system"]}
        self._report({"card": card["uuid"], "outcome": "overridden", "overrideReason": {"reason": given}})

    def _report(self, item: dict[str, Any]) -> None:
        url = next(url for url, service in self.services.items() if service["hook"] == self.hook)
        self._post(f"{url}/feedback", {"feedback": [item | {"outcomeTimestamp": "2026-03-18T09:30:00.000Z"}]})
