"""What the sandbox's FHIR server says it can do: the CapabilityStatement at /metadata.

Built from the search tables, so it cannot promise what search refuses.
Source: FHIR R4, 5.2 CapabilityStatement.
"""

from collections.abc import Mapping

from sandbox.search import INCLUDES, PARAMETERS, Parameter
from sandbox.store import Resource

_EVERYTHING = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
_KINDS = {"token": "token", "date": "date", "chart": "reference"}


def capability_statement(base_url: str) -> Resource:
    """The CapabilityStatement of a server at `base_url`: read and search for every type of PARAMETERS."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-24",
        "kind": "instance",
        "implementation": {"description": "Pinpoint sandbox: fictional patients, read-only", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Open and read-only. Unknown search parameters are refused with 400.",
                "security": {"cors": True},
                "resource": [_served(name, parameters) for name, parameters in sorted(PARAMETERS.items())],
            }
        ],
    }


def _served(name: str, parameters: Mapping[str, Parameter]) -> Resource:
    served: Resource = {
        "type": name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [_search_parameter(*item) for item in sorted(parameters.items())],
    }
    if name == "Patient":
        served["operation"] = [{"name": "everything", "definition": _EVERYTHING}]
    includes = [include for include in INCLUDES if include.startswith(f"{name}:")]
    return {**served, "searchInclude": includes} if includes else served


def _search_parameter(name: str, parameter: Parameter) -> Resource:
    return {"name": name, "type": _KINDS[parameter.kind]}
