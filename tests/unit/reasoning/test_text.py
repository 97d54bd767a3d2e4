"""What sentences are taken to say, with the real terms and phrases of mappings/text."""

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.errors import LibraryError
from cds_hooks.model.texts import Cue, TextRules
from cds_hooks.reasoning.library import load, schemas
from cds_hooks.reasoning.text import LONGEST, Aside, read_text
from cds_hooks.reasoning.text_index import cue_index, phrases_at, term_index, tokens_of
from tests.build import library_of

SIGNS = {"petechiae", "purpura", "ecchymosis", "easy-bruising", "nonblanching-rash", "iga-vasculitis"}
CONTEXT = "mappings/text/context.yaml"


@cache
def library():
    return load()


def said(text):
    """Concept -> state, `?` behind what is worded as a suspicion."""
    reading = read_text(text, library())
    return {named.concept: named.state + "?" * named.possible for named in reading.named}


def aside(text):
    return {why.name: count for why, count in read_text(text, library()).aside.items()}


def sites(text, concept="petechiae"):
    (named,) = (one for one in read_text(text, library()).named if one.concept == concept)
    return named.sites


# ---------------------------------------------------------------- there


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("PETECHIAE ON LEGS", "petechiae"),
        ("petechiae, temperature 39.0", "petechiae"),
        ("petechiae temp 39.0", "petechiae"),
        ("purpura 0.5 cm", "purpura"),
        ("SEM grade 2 and petechiae", "petechiae"),
        ("spreading purpura", "purpura"),
        ("10 petechiae", "petechiae"),
        ("petechiae++", "petechiae"),
        ("petechiae+purpura", "purpura"),
        ("widespread petichial rash", "petechiae"),
        ("some petechiea on the legs", "petechiae"),
        ("pupuric spots", "purpura"),
        ("rash doesnt blanch", "nonblanching-rash"),
        ("echymoses of both arms", "ecchymosis"),
        ("Petechiae on legs, no purpura", "petechiae"),
        ("rash: petechial over both shins, non-blanching", "petechiae"),
        ("rash: petechial over both shins, non-blanching", "nonblanching-rash"),
        ("Rash not blanching", "nonblanching-rash"),
        ("rash no longer blanching", "nonblanching-rash"),
        ("no fever, petechiae on legs", "petechiae"),
        ("No fever; petechiae", "petechiae"),
        ("no fever but petechiae", "petechiae"),
        ("not well with petechiae", "petechiae"),
        ("Denies fever with petechiae on legs", "petechiae"),
        ("Fever: no, petechiae: yes", "petechiae"),
        ("Fever: no Petechiae: yes", "petechiae"),
        ("no change in petechiae", "petechiae"),
        ("No improvement, petechiae persist", "petechiae"),
        ("not only petechiae but also purpura", "petechiae"),
        ("No known cause for bruising", "ecchymosis"),
        ("petechiae not resolved", "petechiae"),
        ("3 day history of petechiae", "petechiae"),
        ("3/7 history of petechiae", "petechiae"),
        ("Previously well, petechiae today", "petechiae"),
        ("12 year old boy with petechiae", "petechiae"),
        ("petechiae in the past week", "petechiae"),
        ("Mum noticed petechiae", "petechiae"),
        ("Mother has noticed petechiae", "petechiae"),
        ("Mother had ITP. Petechiae on legs.", "petechiae"),
        ("petechiae on legs, return if spreading", "petechiae"),
        ("Petechiae on legs today (not seen yesterday)", "petechiae"),
        ("pinpoint red spots on both arms", "petechiae"),
        ("No trauma to explain bruising", "ecchymosis"),
        ("Rash e.g. petechiae", "petechiae"),
        ("Seen by Dr. Grey. Petechiae", "petechiae"),
        ("bruising/petechiae present", "ecchymosis"),
    ],
)
def test_what_is_there_is_found(text, concept):
    assert said(text)[concept] == "present"


@pytest.mark.parametrize(
    "text",
    ["?petechiae", "? petechiae", "possible petechiae", "Petechiae cannot be excluded", "not sure if petechiae"],
)
def test_a_suspicion_counts_and_is_marked(text):
    assert said(text) == {"petechiae": "present?"}


def test_what_is_once_certain_is_not_a_suspicion():
    assert said("Possible petechiae on the arms. Petechiae on legs.") == {"petechiae": "present"}


# ---------------------------------------------------------------- denied


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("No petechiae", {"petechiae"}),
        ("No petechiae, no purpura, no bruising.", {"petechiae", "purpura", "ecchymosis"}),
        ("Skin: petechiae not appreciated", {"petechiae"}),
        ("Purpura 0", {"purpura"}),
        ("pas de purpura", {"purpura"}),
        ("sans purpura", {"purpura"}),
        ("ohne Purpura oder Petechiae", {"purpura", "petechiae"}),
        ("Kein Purpura", {"purpura"}),
        ("keine Petechiae", {"petechiae"}),
        ("geen purpura", {"purpura"}),
        ("ingen purpura", {"purpura"}),
        ("nessuna purpura", {"purpura"}),
        ("sem purpura", {"purpura"}),
        ("sin purpura", {"purpura"}),
        ("Purpura: nein", {"purpura"}),
        ("Purpura: non", {"purpura"}),
        ("No petechiae, purpura or bruising.", {"petechiae", "purpura", "ecchymosis"}),
        ("No petechiae, purpura, or bruising noted", {"petechiae", "purpura", "ecchymosis"}),
        ("No petechiae and purpura", {"petechiae", "purpura"}),
        ("no bruising/petechiae/purpura", {"petechiae", "purpura", "ecchymosis"}),
        ("neither petechiae nor purpura", {"petechiae", "purpura"}),
        ("denies easy bruising", {"easy-bruising"}),
        ("Denies: easy bruising, petechiae", {"easy-bruising", "petechiae"}),
        ("No evidence of\npetechiae", {"petechiae"}),
        ("no rash e.g. petechiae", {"petechiae"}),
        ("Any petechiae? No.", {"petechiae"}),
        ("petechiae not present", {"petechiae"}),
        ("Petechiae: no, purpura: none", {"petechiae", "purpura"}),
        ("Petechiae (-)", {"petechiae"}),
        ("Petechiae - none", {"petechiae"}),
        ("petechiae and purpura absent", {"petechiae", "purpura"}),
        ("He doesn’t have petechiae", {"petechiae"}),
        ("Rash, not petechial", {"petechiae"}),
        ("no non-blanching rash", {"nonblanching-rash"}),
    ],
)
def test_a_denial_is_an_explicit_negative(text, denied):
    assert {concept for concept, state in said(text).items() if state == "absent" and concept in SIGNS} == denied


def test_a_denial_and_a_finding_stand_beside_each_other():
    assert said("Petechiae on legs, no purpura") == {"petechiae": "present", "purpura": "absent"}


def test_a_denial_after_and_covers_signs_only_where_the_list_is_bare():
    assert said("No fever and petechiae on both legs")["petechiae"] == "present"


# ---------------------------------------------------------------- past


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("history of HSP", "iga-vasculitis"),
        ("PMH: HSP, asthma", "iga-vasculitis"),
        ("petechiae resolved", "petechiae"),
        ("Petechiae on legs and arms have resolved", "petechiae"),
        ("petechiae no longer visible", "petechiae"),
        ("petechiae in childhood", "petechiae"),
        ("no longer has petechiae", "petechiae"),
        ("Old bruises", "ecchymosis"),
    ],
)
def test_what_is_over_is_past(text, concept):
    assert said(text) == {concept: "past"}


# ---------------------------------------------------------------- set aside


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mother has ITP", "RELATIVE"),
        ("Family history: haemophilia", "RELATIVE"),
        ("contact with meningitis", "RELATIVE"),
        ("petechiae in his sister", "RELATIVE"),
        ("if petechiae appear return", "HYPOTHETICAL"),
        ("watch for petechiae", "HYPOTHETICAL"),
        ("advised to look for petechiae", "HYPOTHETICAL"),
        ("mother told to watch for purpura", "HYPOTHETICAL"),
        ("bleeding risk is low", "HYPOTHETICAL"),
        ("petechiae should prompt a call", "HYPOTHETICAL"),
        ("rule out meningitis", "HYPOTHETICAL"),
        ("No new petechiae", "UNCLEAR"),
        ("Petechiae not assessed", "UNCLEAR"),
        ("Any petechiae?", "UNCLEAR"),
        ("no history of petechiae", "UNCLEAR"),
        ("no petechiae on the face", "UNCLEAR"),
        ("No palatal petechiae", "UNCLEAR"),
    ],
)
def test_what_is_not_about_the_patient_now_is_counted_and_not_taken(text, why):
    assert said(text) == {}
    assert aside(text) == {why: 1}


def test_every_term_after_if_is_set_aside():
    assert aside("Return if fever, petechiae or drowsiness develop") == {"HYPOTHETICAL": 3}


def test_a_list_that_leaves_open_what_it_denies_says_nothing_of_the_rest():
    assert said("No petechiae, purpura, bruising.") == {"petechiae": "absent"}
    assert aside("No petechiae, purpura, bruising.") == {"UNCLEAR": 2}


def test_a_list_before_its_denial_may_leave_that_open_too():
    assert said("petechiae, purpura and bruising absent") == {"purpura": "absent", "ecchymosis": "absent"}


def test_commas_alone_do_not_carry_a_denial_back():
    assert said("petechiae, purpura absent") == {"petechiae": "present", "purpura": "absent"}


def test_what_one_text_both_says_and_denies_is_there():
    text = "Petechiae on legs. No petechiae seen yet."

    assert said(text) == {"petechiae": "present"}
    assert aside(text) == {"UNCLEAR": 1}


def test_no_rule_denies_across_a_longer_stretch():
    assert said("No cough, chest clear on both sides, petechiae, purpura or rash")["petechiae"] == "present"


def test_an_or_that_leads_to_no_term_closes_no_list():
    assert said("No petechiae, purpura, bruising on legs or arms") == {
        "petechiae": "absent",
        "ecchymosis": "present",
    }


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    "text",
    [
        "CLUMPED",
        "45",
        "",
        "?",
        "post-transfusion purpura",
        "petechialike",
        "fit and well",
        "Glasgow coma scale 15",
        "bleeding time 5 min",
        "rashly decided",
        "Sepsis six given",
        "and, or; no? /",
    ],
)
def test_words_that_only_look_like_a_term_are_none(text):
    assert said(text) == {}
    assert aside(text) == {}


def test_a_whole_name_hides_the_names_inside_it():
    assert said("immune thrombocytopenic purpura since 2019") == {"immune-thrombocytopenia": "present"}


def test_one_term_may_mean_two_things():
    assert said("Petechiae and purpura on legs") == {"petechiae": "present", "purpura": "present"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Petechiae on face, bruises on legs", ("face",)),
        ("Legs: petechiae", ("leg",)),
        ("petechiae, purpura on the trunk", ("trunk",)),
        ("Leg petechiae, face clear", ("leg", "face")),
        ("On the arms, petechiae", ("arm",)),
        ("Petechiae. Arms clear.", ()),
        ("No swelling of the arms, palpable on the shins: petechiae today", ("lower-leg",)),
    ],
)
def test_sites_are_those_around_the_term(text, found):
    assert sites(text) == found


def test_the_site_of_one_sign_is_not_that_of_the_next():
    assert sites("Petechiae on face, bruises on legs", "ecchymosis") == ("leg",)


def test_lines_are_sentences_unless_they_run_on():
    assert said("No petechiae\nBruising on legs") == {"petechiae": "absent", "ecchymosis": "present"}
    assert said("There are no\npetechiae") == {"petechiae": "absent"}


# ---------------------------------------------------------------- any text


def test_only_the_first_part_of_a_long_text_is_read():
    reading = read_text("Well today. " * (LONGEST // 12) + "Petechiae on legs.", library())

    assert reading.named == ()
    assert reading.aside == {Aside.TOO_LONG: 1}


def test_a_long_text_without_a_full_stop_is_read_to_its_limit():
    assert said("petechiae " + "a " * LONGEST) == {"petechiae": "present"}


WORDS = st.sampled_from(
    [
        "no",
        "not",
        "petechiae",
        "purpura",
        "bruising",
        "legs",
        ",",
        ".",
        "?",
        ":",
        "and",
        "or",
        "if",
        "mother has",
        "history of",
        "rash",
    ]
)
TEXTS = st.text(max_size=200) | st.lists(WORDS, max_size=40).map(" ".join)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_read_and_names_only_what_stands_in_it(text):
    words = tokens_of(text)
    for named in read_text(text, library()).named:
        assert any(_stands_in(tokens_of(term), words) for term in _terms(named.concept))


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_reading_is_a_function_of_the_text(text):
    assert read_text(text, library()) == read_text(text, library())


def _terms(concept):
    rules = library().text_rules
    return (*library().concepts[concept].texts, *rules.words.get(concept, ()))


def _stands_in(term, words):
    return any(words[start : start + len(term)] == term for start in range(len(words)))


# ---------------------------------------------------------------- terms, phrases and their file


def test_longer_phrases_come_first():
    cues = library().text_cues
    lengths = [length for length, _ in phrases_at(("no", "change", "in", "petechiae"), 0, cues)]

    assert all(longer >= shorter for longer, shorter in pairwise(lengths))
    assert lengths[0] == 3


def test_a_term_that_is_left_out_means_nothing():
    index = term_index(library().concepts, TextRules(left_out=("petechiae",)))

    assert [name for _, name in phrases_at(("petechiae",), 0, index)] == [""]


def test_a_phrase_without_a_word_is_not_looked_for():
    assert cue_index(TextRules(cues=(Cue("negation", ("!",)),))) == {}


def test_without_its_file_no_sentence_is_read():
    small = library_of()

    assert small.text_terms == {}
    assert read_text("petechiae", small).named == ()


def test_the_file_has_a_schema():
    assert "mappings/schema/context.schema.json" in schemas()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("problems: [rickets]", "unknown concept `rickets`"),
        ("problems: [leg]", "`leg` is neither a sign nor a problem"),
        ('words: {petechiae: ["!"]}', 'the phrase "!" has no word'),
        ('cues: [{kind: maybe, phrases: ["no"]}]', "cues.0.kind"),
        ("problem: [fever]", "problem"),
    ],
)
def test_a_faulty_file_is_refused(body, fault):
    with pytest.raises(LibraryError, match="context") as refused:
        library_of(files={CONTEXT: body})

    assert fault in str(refused.value)
