"""The leaflet for patients: emergency lines first and beside every reassurance, in words that a child can read."""

import re
from html import unescape

import pytest

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.leaflet import Leaflet, LeafletHelp, LeafletPart
from cds_hooks.pages.leaflet import leaflet_body
from tests.build import small_library
from tests.end_to_end.charts import library

SMALL = Leaflet(
    title="Spots <and> more",
    lead="Lead.",
    emergency=LeafletHelp("Help", "Call {number} if", ("they spread", "you have a fever")),
    same_day=LeafletHelp("Today", "See someone if", ("you are pregnant",)),
    parts=(
        LeafletPart("What", ("They are flat.",)),
        LeafletPart("Outlook", ("They often fade.",), reassures=True),
    ),
    citations=(Cite("textbook"),),
)
SIMPLE = 6.5
"""Flesch-Kincaid grade: school years, so that eleven- and twelve-year-olds can read it."""
RULES_SAY = (
    "abuse|assault|strangl|safeguard|violence|mening|sepsis|septic|leuk|cancer|thrombo|vascul|platelet|"
    "hellp|dengue|malaria|scurvy|lupus|endocard|diagnos|tumou?r|lymphoma|purpura|petechia"
)


def body(region="uk", leaflet=None):
    return leaflet_body(leaflet or library().leaflet, library(), region)


def words_of(html):
    return unescape(re.sub(r"<[^>]+>", " ", html))


def sections(html):
    """The parts of the page by heading, each with everything inside it."""
    return {
        unescape(re.search(r"<h2>(.*?)</h2>", part).group(1)): part
        for part in html.split("<section")[1:]
        if "<h2>" in part
    }


# ---------------------------------------------------------------- how it is put together


def test_help_stands_before_everything_else():
    html = leaflet_body(SMALL, small_library(), "xx")

    assert html.index("they spread") < html.index("you are pregnant") < html.index("They are flat.")


def test_the_emergency_lines_stand_again_in_a_part_that_reassures_and_in_no_other():
    html = leaflet_body(SMALL, small_library(), "xx")
    part = html[html.index('<section class="beside">') :]

    assert part.index("They often fade.") < part.index("they spread") < part.index("you have a fever")
    assert html.count("they spread") == 2
    assert "they spread" not in html[html.index("They are flat.") : html.index('<section class="beside">')]


def test_without_a_number_for_the_region_it_says_so_in_words():
    assert "Call the emergency number if" in leaflet_body(SMALL, small_library(), "xx")


def test_texts_are_escaped():
    assert "Spots &lt;and&gt; more" in leaflet_body(SMALL, small_library(), "xx")


@pytest.mark.parametrize(
    ("expected", "review"),
    [
        ("Not yet checked by a clinician.", "pending"),
        ("Checked by Dr A and Dr B.", Review("Dr A", "Dr B", "2026-01-01", "2027-01-01")),
    ],
)
def test_it_says_who_has_checked_it(expected, review):
    checked = Leaflet(
        SMALL.title, SMALL.lead, SMALL.emergency, SMALL.same_day, SMALL.parts, SMALL.citations, review
    )

    assert expected in leaflet_body(checked, small_library(), "xx")
    assert "A publisher (2024)" in leaflet_body(checked, small_library(), "xx")


# ---------------------------------------------------------------- what ours says


@pytest.mark.parametrize(("region", "number"), library().card.emergency_numbers.items())
def test_every_region_has_its_own_number(region, number):
    assert f"Call {number} or go" in body(region)


def test_whatever_says_that_spots_fade_has_the_emergency_lines_beside_it():
    leaflet = library().leaflet
    calming = [part for part in leaflet.parts if re.search(r"\bfade in|\bgo away|disappear", " ".join(part.lines))]

    assert calming
    assert all(part.reassures for part in calming)


def test_it_tells_nobody_to_give_up_a_medicine_and_warns_of_it():
    said = words_of(body())

    assert "Do not stop aspirin, blood thinners, steroids" in said
    assert re.findall(r"\b[Ss]top\b", said) == re.findall(
        r"\b[Ss]top\b", "Do not stop aspirin. To stop at once can be"
    )


@pytest.mark.parametrize(
    "sign",
    [
        "spread",
        "bigger than 2 mm",
        "fever",
        "neck is stiff",
        "headache",
        "sleepy",
        "breathe fast",
        "fit",
        "child with spots looks ill",
        "below the chest",
        "hurt your head",
    ],
)
def test_every_reason_to_call_at_once_is_there(sign):
    assert sign in words_of(sections(body())["Get help at once"])


@pytest.mark.parametrize(
    "reason", ["child has new spots", "pregnant", "chemotherapy", "blood thinners", "heparin", "vaccine"]
)
def test_every_reason_to_be_seen_the_same_day_is_there(reason):
    assert reason in words_of(sections(body())["Be seen the same day"])


def test_it_holds_no_diagnosis_of_a_rule_and_nothing_on_safeguarding():
    assert re.findall(rf"\b\w*(?:{RULES_SAY})\w*", words_of(body()), re.IGNORECASE) == []
    assert re.findall(r"\b(?:ITP|DIC|TTP|HUS|R-[A-Z]+)\b", words_of(body())) == []


def test_a_child_of_eleven_can_read_it():
    leaflet = library().leaflet
    helps = [f"{told.lead} {line}." for told in (leaflet.emergency, leaflet.same_day) for line in told.lines]
    sentences = [s for part in leaflet.parts for line in part.lines for s in re.split(r"(?<=[.?])\s", line)]
    lines = [text for text in [*re.split(r"(?<=[.?])\s", leaflet.lead), *helps, *sentences] if text]

    assert grade(lines) <= SIMPLE
    assert [line for line in lines if len(re.findall(r"[\w']+", line)) > 40] == []


def grade(lines):
    """Flesch-Kincaid grade, syllables counted as groups of vowels."""
    words = [word for line in lines for word in re.findall(r"[a-z']+", line.lower())]
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", re.sub(r"e\b", "", word)))) for word in words)
    return 0.39 * len(words) / len(lines) + 11.8 * syllables / len(words) - 15.59


def test_the_measure_of_reading_tells_easy_from_hard():
    assert grade(["The cat sat on the mat."]) < 2
    assert (
        grade(["Disseminated intravascular coagulation necessitates immediate haematological consultation."]) > 20
    )
