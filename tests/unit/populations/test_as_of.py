"""For an earlier instant a chart is as it had been written by then."""

from datetime import timedelta

from cds_hooks.populations.as_of import as_of, newest, visits
from cds_hooks.populations.rows import Row
from tests.protocol.charts import AT, PATIENT, ago, petechiae, platelets
from tests.unit.populations.exports import raw

BEFORE = AT - timedelta(days=10)


def row(resource):
    return Row("p1", resource["resourceType"], raw(resource))


def seen(*resources, instant=BEFORE):
    return [one.slim for one in as_of([row(resource) for resource in resources], instant, AT)]


def visit(**period):
    return row({"resourceType": "Encounter", "id": "e", "status": "finished", "period": period})


def test_at_the_end_everything_is_seen():
    rows = [row(platelets(8))]

    assert rows is as_of(rows, AT, AT)


def test_what_was_written_later_is_left_out_and_what_is_undated_is_kept():
    undated = {"resourceType": "Condition", "id": "c"}
    old = platelets(9, effectiveDateTime=ago(days=20))
    resulted_later = platelets(9, effectiveDateTime=ago(days=20), issued=ago(days=2))

    assert [raw(old), raw(undated)] == seen(old, platelets(8), petechiae(), undated, resulted_later)


def test_what_is_dated_after_the_end_stays_an_error_of_the_chart():
    ahead = platelets(8, effectiveDateTime=ago(days=-30))

    assert [raw(ahead)] == seen(ahead)


def test_a_later_death_is_taken_back_and_an_earlier_one_is_not():
    [alive] = seen(PATIENT | {"deceasedDateTime": ago(days=2)})
    [dead] = seen(PATIENT | {"deceasedDateTime": ago(days=12)})

    assert ago(days=2).encode() not in alive
    assert ago(days=12).encode() in dead


def test_a_problem_that_ended_later_had_not_ended():
    ended = petechiae(recordedDate=ago(days=30), onsetDateTime=ago(days=30), abatementDateTime=ago(days=2))

    [still] = seen(ended | {"clinicalStatus": {"coding": [{"code": "resolved"}]}})

    assert b"resolved" not in still
    assert ago(days=2).encode() not in still


def test_what_cannot_be_read_stays():
    rows = [Row("p1", "Condition", b"\xff"), Row("p1", "Condition", b"[1]")]

    assert rows == as_of(rows, BEFORE, AT)


def test_visits_are_instants_in_their_order_each_once():
    rows = [
        visit(start=ago(days=1)),
        visit(start=ago(days=3), end=ago(days=2)),
        visit(start=ago(days=1)),
        visit(),
        row(platelets(8)),
        Row("p1", "Encounter", b"\xff"),
    ]

    assert (AT - timedelta(days=3), AT - timedelta(days=1)) == visits(rows)


def test_the_newest_are_kept_and_the_undated_last():
    some = [row(platelets(n, effectiveDateTime=ago(days=n))) for n in (3, 1, 2)]
    undated = row({"resourceType": "Observation", "id": "u"})

    assert some == newest(some, 3)
    assert [some[1], some[2]] == newest([undated, *some], 2)
