"""However a chart comes in, sent, fetched, in part, page by page or as a file, the cards are the same."""

import msgspec
import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import response_json, with_uuids
from cds_hooks.service import advise_on, record_of_file
from tests.end_to_end.charts import PATIENTS, asked, library, stories
from tests.protocol.charts import AT, FHIR

PAGE = 5


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_fetched_chart_gets_the_cards_of_a_sent_one(patient, said, said_of_the_sent, ehr):
    fetched = said(patient, fhirServer=FHIR)

    assert said_of_the_sent(patient) == fetched
    assert ehr.calls.call_count == len(asked())


def test_what_was_sent_is_not_fetched(said, sent_by_the_ehr, ehr):
    said(PATIENTS[0], sent_by_the_ehr(PATIENTS[0]), fhirServer=FHIR)

    assert ehr.calls.call_count == 0


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_chart_that_is_half_sent_and_half_fetched_gets_the_same_cards(
    patient, said, said_of_the_sent, sent_by_the_ehr, ehr
):
    whole = sent_by_the_ehr(patient)
    start = len(patient) % 2  # which half is sent differs between patients
    half = {key: whole[key] for key in list(whole)[start::2]}

    answer = said(patient, half, fhirServer=FHIR)

    assert answer == said_of_the_sent(patient)
    assert ehr.calls.call_count == len(whole) - len(half)


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_chart_that_goes_on_at_the_server_gets_the_same_cards(
    patient, said, said_of_the_sent, sent_by_the_ehr, ehr
):
    first_pages = sent_by_the_ehr(patient, page_size=PAGE)
    goes_on = [key for key, page in first_pages.items() if any(_next_links(page))]

    answer = said(patient, first_pages, fhirServer=FHIR)

    assert answer == said_of_the_sent(patient)
    assert ehr.calls.call_count >= len(goes_on)


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_chart_in_a_file_gets_the_same_cards(patient, said_of_the_sent):
    entries = [{"resource": resource} for resource in stories()[patient].resources]
    file = msgspec.json.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})

    advice = advise_on(record_of_file(file, library(), AT), library(), AT, Voice())

    assert said_of_the_sent(patient) == _body(advice.cards)


def _next_links(page):
    return [link for link in page.get("link", ()) if link["relation"] == "next"]


def _body(cards):
    named = response_json(with_uuids(cards, lambda: "0"))
    return named.replace(b'"uuid":"0",', b"")
