"""AllergyIntolerances as the record's own: to what the patient reacts, and how it showed.

Only what still holds is kept: an entry that is refuted, in error, resolved or no longer a risk is no warning.
Source: FHIR R4 4.0.1, AllergyIntolerance; R5 5.0.0 (a reaction's manifestation by reference); STU3 3.0.2
(`assertedDate`).
"""

from __future__ import annotations

from typing import Final

from cds_hooks.chart.record import Intolerance
from cds_hooks.chart.shapes import AllergyIntolerance
from cds_hooks.chart.times import when
from cds_hooks.chart.values import all_coded, is_restricted, words

_NO_RISK: Final = frozenset({"inactive", "resolved"})
_VOID: Final = frozenset({"refuted", "entered-in-error"})


def intolerance(resource: AllergyIntolerance, reference: str) -> Intolerance | None:
    """The resource as an intolerance; None when it no longer holds or never did."""
    status, verification = words(resource.clinical_status), words(resource.verification_status)
    if not _NO_RISK.isdisjoint(status) or not _VOID.isdisjoint((*status, *verification)):
        return None
    named = [resource.code, *(reaction.substance for reaction in resource.reaction)]
    return Intolerance(
        reference,
        all_coded(concept for concept in named if concept is not None),
        all_coded(concept for reaction in resource.reaction for concept in reaction.manifestation),
        when(resource.recorded_date or resource.asserted_date or resource.onset_date_time),
        restricted=is_restricted(resource.meta),
    )
