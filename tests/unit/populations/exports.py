"""Exports written to a folder: the stories of the sandbox as Bulk Data, and small charts of our own."""

import gzip
import json
import random

from cds_hooks.cards.compose import Voice
from cds_hooks.populations.charts import Chart, Lists
from cds_hooks.populations.job import Job, Shelf
from cds_hooks.populations.lines import KINDS
from cds_hooks.populations.progress import Progress
from cds_hooks.populations.run import Replay
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.settle import Plan
from cds_hooks.reasoning.library import load
from sandbox.store import load as load_stories
from tests.protocol.charts import AT, PATIENT, petechiae, platelets

LIBRARY = load()
VOICE = Voice("uk")
KEY = b"a key for tests"
HEALTHY = {
    "resourceType": "Condition",
    "id": "c9",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}], "text": "High blood pressure"},
    "subject": {"reference": "Patient/p1"},
    "recordedDate": "2020-01-01",
}
STORIES = {
    next(r["id"] for r in story.resources if r["resourceType"] == "Patient"): story.resources
    for story in load_stories(AT).stories
}
"""Patient id -> the resources of a story."""


def raw(resource):
    return json.dumps(resource).encode()


def lines(*resources):
    return b"".join(raw(resource) + b"\n" for resource in resources)


def of(patient, resource):
    """The resource as this patient's."""
    if resource["resourceType"] == "Patient":
        return resource | {"id": patient}
    return resource | {"id": f"{patient}-{resource['id']}", "subject": {"reference": f"Patient/{patient}"}}


def silent(patient):
    return [of(patient, PATIENT), of(patient, HEALTHY), of(patient, platelets(250))]


def speaking(patient):
    return [of(patient, PATIENT), of(patient, petechiae()), of(patient, platelets(8))]


def write_export(folder, resources, files=2):
    """NDJSON files by type, so many of each, every second one gzipped, in an order without meaning."""
    folder.mkdir(parents=True, exist_ok=True)
    by_type = {}
    for resource in resources:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    for kind, some in by_type.items():
        random.Random(kind).shuffle(some)
        for number in range(files):
            content = lines(*some[number::files])
            name = f"{kind}.{number:03}.ndjson"
            if number % 2:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder


def stories_export(folder):
    return write_export(folder, [resource for story in STORIES.values() for resource in story])


def screen(*libraries, since=AT, until=AT):
    return Screen(libraries or (LIBRARY,), since, until)


def rows(*resources, scatter=None):
    return list((scatter or Scatter(screen())).rows(lines(*resources)))


def no_medication(_name):
    return None


def chart(patient, some, held=KINDS, medication=no_medication, **lists):
    return Chart(patient, some, Lists(held, **lists), medication)


def plan(**changes):
    given = {"library": LIBRARY, "instants": (AT,), "voice": VOICE, "key": KEY, "listed": KINDS}
    return Plan(**given | changes)


def asked(export, out, **changes):
    given = {"instants": (AT,), "shelf": Shelf(None).sealed(), "voice": VOICE, "key": KEY, "buckets": 4}
    return Replay(str(export), out, **given | changes)


def job(work, found=(), **changes):
    given = {"instants": (AT,), "voice": VOICE, "key": KEY, "buckets": 4}
    return Job(tuple(found), Shelf(None).sealed(), work=work, **given | changes)


def unseen():
    return Progress(lambda _progress: None)
