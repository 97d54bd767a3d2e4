"""What is counted, as Prometheus reads it."""

from cds_hooks.tally import GAPS, REQUESTS, Kind, Tally


def lines(tally):
    body, media_type = tally.text()
    assert media_type.startswith("text/plain")
    return [line for line in body.decode().splitlines() if not line.startswith("#")]


def test_counts_are_told_with_their_labels():
    tally = Tally()
    tally.count(REQUESTS, "/livez", "200")
    tally.count(REQUESTS, "/livez", "200")
    tally.count(GAPS, "timed out", by=3)

    assert 'pinpoint_requests_total{route="/livez",status="200"} 2.0' in lines(tally)
    assert 'pinpoint_gaps_total{kind="timed out"} 3.0' in lines(tally)


def test_times_are_told_as_a_histogram():
    tally = Tally()
    for seconds in (0.005, 0.03, 20.0):
        tally.took("/x", seconds)

    told = [line.removeprefix('pinpoint_request_seconds_bucket{le="') for line in lines(tally) if "/x" in line]
    assert '0.005",route="/x"} 1.0' in told
    assert '0.05",route="/x"} 2.0' in told
    assert '+Inf",route="/x"} 3.0' in told
    assert 'pinpoint_request_seconds_count{route="/x"} 3.0' in lines(tally)
    assert 'pinpoint_request_seconds_sum{route="/x"} 20.035' in lines(tally)


def test_what_is_watched_is_told_as_it_is_when_asked():
    tally, depth = Tally(), [1]
    tally.watch(Kind("pinpoint_depth", "Depth"), lambda: {(): depth[0]})
    depth[0] = 5

    assert "pinpoint_depth 5.0" in lines(tally)
