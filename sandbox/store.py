"""The sandbox's charts: one file per patient and story, read once and kept in memory.

A file is a FHIR R4 collection Bundle. Its name is the id of the story and of its Patient; its tag says
what kind of story it is and tells it in one line. Everything in a file is filed in that patient's
chart, whatever subject an entry names: that is how a chart comes to hold another patient's entry, and
one story shows it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sandbox.story_time import resolve

PATIENTS = Path(__file__).parent / "patients"
STORY_TAG = "urn:pinpoint:sandbox:story"
KINDS = ("emergency", "urgent", "benign", "silent", "dialect")

Resource = dict[str, Any]
"""A FHIR resource as its JSON stands: the shape is FHIR's, checked in the tests, not here."""

# The dates a record system would have stamped, in the order in which they are trusted.
_STAMPS = ("recordedDate", "issued", "authoredOn", "dateAsserted", "effectiveDateTime")


@dataclass(frozen=True, slots=True)
class Story:
    """One patient and what happened: the chart behind one file."""

    id: str
    kind: str
    """One of KINDS: what the author of the story expects, for the reader; nothing depends on it."""
    headline: str
    patient: Resource
    resources: tuple[Resource, ...]
    """Everything in the file, in its order, the Patient included."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A resource and the chart (the id of its patient) in which it is filed."""

    resource: Resource
    chart: str


@dataclass(frozen=True, slots=True)
class Store:
    """All charts, as they stand at one moment."""

    at: datetime
    stories: tuple[Story, ...]
    by_type: Mapping[str, tuple[Filed, ...]]
    by_reference: Mapping[str, Resource]
    """`Type/id` -> resource."""


def load(at: datetime, folder: Path = PATIENTS) -> Store:
    """Every story of the folder with its dates resolved against `at`, in the order of the file names.

    Errors: ValueError naming the file when it is not a story, or repeats an id of another file.
    """
    return gather(at, [read_story(path, at) for path in sorted(folder.glob("*.json"))])


def kept_fresh(
    clock: Callable[[], datetime], *, every: timedelta = timedelta(hours=1), folder: Path = PATIENTS
) -> Callable[[], Store]:
    """A function that gives the store, told anew when it is older than `every`.

    Without it a sandbox left running overnight would show yesterday's fever, and rules that look back
    some hours would fall silent.
    """
    store = load(clock(), folder)

    def charts() -> Store:
        nonlocal store
        at = clock()
        if at - store.at > every:
            store = load(at, folder)
        return store

    return charts


def gather(at: datetime, stories: Sequence[Story]) -> Store:
    """The stories as one store. Errors: ValueError naming a resource id that is used twice."""
    by_reference: dict[str, Resource] = {}
    by_type: dict[str, list[Filed]] = {}
    for story in stories:
        for resource in story.resources:
            reference = f"{resource['resourceType']}/{resource['id']}"
            if reference in by_reference:
                raise ValueError(f"{story.id}.json: {reference} is used twice; give it an id of its own")
            by_reference[reference] = resource
            by_type.setdefault(resource["resourceType"], []).append(Filed(resource, story.id))
    return Store(
        at=at,
        stories=tuple(stories),
        by_type=MappingProxyType({name: tuple(filed) for name, filed in by_type.items()}),
        by_reference=MappingProxyType(by_reference),
    )


def read_story(path: Path, at: datetime) -> Story:
    """The story of one file. Errors: ValueError naming the file and what it lacks."""
    try:
        bundle = resolve(json.loads(path.read_text(encoding="utf-8")), at)
        return _story(path.stem, bundle, at)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path.name} is not a story: {error}; see sandbox/README.md") from error


def _story(name: str, bundle: Resource, at: datetime) -> Story:
    tag = next((tag for tag in bundle["meta"]["tag"] if tag["system"] == STORY_TAG), None)
    if tag is None or tag["code"] not in KINDS:
        raise ValueError(f"it needs a tag of {STORY_TAG} whose code is one of {', '.join(KINDS)}")
    resources = tuple(_stamped(entry["resource"], at) for entry in bundle["entry"])
    patients = [one for one in resources if one["resourceType"] == "Patient" and one["id"] == name]
    if len(patients) != 1:
        raise ValueError(f'it needs one Patient with the id "{name}"')
    return Story(id=name, kind=tag["code"], headline=tag["display"], patient=patients[0], resources=resources)


def _stamped(resource: Resource, at: datetime) -> Resource:
    """The resource with `meta.lastUpdated`, without which nothing can be sorted by it."""
    moment = next(_instants(resource.get(name) for name in _STAMPS), at.isoformat(timespec="seconds"))
    return {**resource, "meta": {"lastUpdated": moment, **resource.get("meta", {})}}


def _instants(values: Iterable[str | None]) -> Iterator[str]:
    # A date alone is no instant, and lastUpdated must be one.
    return iter([value for value in values if value is not None and "T" in value])
