"""silent: whether a call can only be answered without a card, told from its bytes at a glance.

Never guessed: True means that the whole way (advise) would come to no card. It asks that every query was
answered, whole and plainly, and that nothing on the chart pulls the trigger of the rules. Of all other charts
it says nothing. An entry that the reader may have to refuse (another patient's, nobody's, dated ahead) leaves its
list incomplete, so it is no matter for a glance; one that was entered in error only makes a chart say less.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from cds_hooks.cards.wire import HookRequest, parse_request
from cds_hooks.chart.datatypes import Concept
from cds_hooks.chart.glance import (
    AllergyIntolerance,
    Condition,
    Encounter,
    Glance,
    Immunization,
    Medication,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Part,
    Patient,
    Plain,
    Procedure,
    glance,
    plain_resources,
)
from cds_hooks.chart.queries import queries
from cds_hooks.chart.values import quantity
from cds_hooks.model.criteria import Hook
from cds_hooks.model.library import Library
from cds_hooks.reasoning.trigger import Trigger, by_code, trigger

_HOOKS: Final = frozenset({"patient-view", "encounter-discharge"})
"""Those that bring nothing of their own beside the chart."""


_SILENT: Final = (AllergyIntolerance, Medication, MedicationRequest, MedicationStatement, Patient)
"""Of these no rule that stands alone is made; medicines and age count as if they were what it asks for."""


def silent_call(body: bytes, hook: Hook, library: Library, at: datetime) -> HookRequest | None:
    """The call without its prefetch, when no card can come of it; None when it has to be read properly.

    Errors: RequestError, as parse_request, for an envelope that is wrong.
    """
    wakes = trigger(library, hook) if hook in _HOOKS else None
    seen = glance(body) if wakes else None
    if wakes is None or seen is None or not _is_whole(seen, hook, library):
        return None
    request = parse_request(seen.envelope, hook)
    look, patient, until = _Look(wakes), f"Patient/{request.patient_id}", at.astimezone(UTC).date().isoformat()
    for answer in seen.prefetch.values():
        resources = plain_resources(answer)
        if resources is None:
            return None
        for one in resources:
            if not one.is_plainly_of(patient, until) or look.pulls(one):
                return None
    return request


def _is_whole(seen: Glance, hook: Hook, library: Library) -> bool:
    """Whether every query was answered, and nothing else was sent; the patient alone may come without a Bundle."""
    asked = {query.key: query.resource_type for query in queries(library, hook)}
    if asked.keys() != seen.prefetch.keys():
        return False
    alone = (key for key, answer in seen.prefetch.items() if isinstance(answer, Patient))
    return all(asked[key] == "Patient" for key in alone)


class _Look:
    """Looks at one chart; what a wording comes to is found once in a chart, and kept no longer."""

    def __init__(self, wakes: Trigger) -> None:
        self._wakes = wakes
        self._worded: dict[tuple[str, ...], frozenset[str]] = {}

    def pulls(self, resource: Plain) -> bool:
        """Whether it could make a rule present."""
        if isinstance(resource, Observation):
            if self._observed(resource):
                return True
            return any(map(self._observed, resource.component)) if resource.component else False
        if isinstance(resource, _SILENT):
            return False
        return any(map(self._meant, _named_by(resource)))

    def _observed(self, part: Observation | Part) -> bool:
        named = self._meant(part.code, worded=False) if part.code else None
        if named and self._wakes.is_pulled(named, quantity(part.value_quantity)):
            return True
        in_words = part.value_string and self._by_words((part.value_string,))
        return bool(in_words or (part.value_codeable_concept and self._meant(part.value_codeable_concept)))

    def _meant(self, concept: Concept, *, worded: bool = True) -> frozenset[str]:
        """The concepts that matter here among those the entry stands for: by its codes and, where read, its words.

        `worded` says that words are read beside a known code, as those of an observation's name are not.
        """
        concept = concept.concept or concept
        found: frozenset[str] | None = None
        for one in concept.coding or (concept,):
            meant = by_code(one.system, one.code, self._wakes)
            if meant is not None:
                found = meant if found is None else found | meant
        if found is not None and not worded:
            return found
        return self._by_words(tuple(dict.fromkeys(_texts(concept)))) | (found or frozenset())

    def _by_words(self, texts: tuple[str, ...]) -> frozenset[str]:
        if texts not in self._worded:
            self._worded[texts] = self._wakes.by_words(texts)
        return self._worded[texts]


def _named_by(resource: Condition | Encounter | Immunization | Procedure) -> Iterator[Concept]:
    """The concepts by which a problem, a visit or an event could name something."""
    if isinstance(resource, Encounter):
        yield from resource.reason_code
        for reason in resource.reason:
            yield from (reason, *reason.value)
    elif isinstance(resource, Immunization):
        yield from filter(None, (resource.vaccine_code,))
    elif isinstance(resource, Procedure):
        yield from filter(None, (resource.code, resource.category))
    else:
        yield from filter(None, (resource.code,))


def _texts(concept: Concept) -> Iterator[str]:
    """As an entry's texts are told: its own, then the displays."""
    written = (concept.text, *(one.display for one in concept.coding), concept.display)
    return (text.strip() for text in written if text.strip())
