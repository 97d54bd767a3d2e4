"""Products of an RxNorm release; the rows are made up, their shape is that of the release."""

from cds_hooks.terms.rows import Row
from cds_hooks.terms.rxnorm import products
from tests.build import small_library

NAMES = {
    "3001": ("IN", "aspirin"),
    "3002": ("IN", "clopidogrel"),
    "9009": ("IN", "methylprednisolone"),
    "8000": ("IN", "sugar"),
    "8001": ("PIN", "aspirin lysinate"),
    "8002": ("MIN", "aspirin / clopidogrel"),
    "8100": ("SCDC", "aspirin 81 MG"),
    "8101": ("SCD", "aspirin 81 MG Oral Tablet"),
    "8102": ("SBD", "aspirin 81 MG Oral Tablet [Brand]"),
    "8103": ("SCD", "aspirin 81 MG / clopidogrel 75 MG Oral Tablet"),
    "8104": ("GPCK", "{7 (aspirin 81 MG Oral Tablet) / 1 (aspirin 300 MG Rectal Suppository) } Pack"),
    "8105": ("SCD", "methylprednisolone 1 MG/ML Topical Cream"),
    "8106": ("SBD", "sugar 1 MG Oral Tablet [Brand]"),
    "8200": ("BN", "Brand"),
    "8201": ("SCD", "lysine aspirin Injection"),
}
RELATIONS = [
    ("8001", "form_of", "3001"),
    ("8002", "has_part", "3001"),
    ("8002", "has_part", "3002"),
    ("8100", "has_ingredient", "3001"),
    ("8101", "consists_of", "8100"),
    ("8102", "tradename_of", "8101"),
    ("8103", "consists_of", "8100"),
    ("8103", "has_ingredients", "8002"),
    ("8104", "contains", "8101"),
    ("8105", "has_ingredient", "9009"),
    ("8106", "has_ingredient", "8200"),
    ("8106", "has_ingredient", "8000"),
    ("8200", "tradename_of", "3001"),
    ("8201", "has_precise_ingredient", "8001"),
    ("3001", "ingredient_of", "8106"),
]


def conso(names=NAMES, source="RXNORM"):
    return [
        f"{rxcui}|ENG||||||{rxcui}1|{rxcui}||{rxcui}|{source}|{kind}|{rxcui}|{name}||N|4096|\n"
        for rxcui, (kind, name) in names.items()
    ]


def rel(relations=RELATIONS, source="RXNORM"):
    """Rows say what the second concept is to the first."""
    return [f"{whole}||CUI|RO|{part}||CUI|{how}|1||{source}|||||4096|\n" for part, how, whole in relations]


def found(names=None, relations=None):
    rows = products(conso(names or NAMES), rel(relations or RELATIONS), small_library())
    return {(row.code, row.ingredient): row.route for row in rows}


def test_products_are_followed_to_our_ingredients():
    assert {
        ("8001", "aspirin"): "",
        ("8002", "aspirin"): "",
        ("8002", "clopidogrel"): "",
        ("8100", "aspirin"): "",
        ("8101", "aspirin"): "oral",
        ("8102", "aspirin"): "oral",
        ("8103", "aspirin"): "oral",
        ("8103", "clopidogrel"): "oral",
        ("8104", "aspirin"): "",
        ("8201", "aspirin"): "parenteral",
        ("8105", "methylprednisolone"): "topical",
        ("9009", "methylprednisolone"): "",
    } == found()


def test_a_brand_name_leads_nowhere():
    assert ("8106", "aspirin") not in found()
    assert ("8200", "aspirin") not in found()


def test_a_row_is_written_as_the_table_has_it():
    rows = [*products(conso(), rel(), small_library())]

    assert Row("rxnorm", "8101", "aspirin", "oral", "aspirin 81 MG Oral Tablet") in rows


def test_other_sources_and_broken_lines_are_left_out():
    names = [*conso(source="MTHSPL"), "8101|ENG\n", "\n"]
    relations = [*rel(source="MTHSPL"), "8101|8100\n", "\n"]

    assert [] == [*products(names, rel(), small_library())]
    assert {"9009"} == {row.code for row in products(conso(), relations, small_library())}


def test_what_leads_back_to_itself_ends():
    names = {"3001": NAMES["3001"], "1": ("SCD", "a Oral Tablet"), "2": ("SCD", "b Oral Tablet")}
    circle = [("1", "contains", "2"), ("2", "contains", "1"), ("1", "has_ingredient", "3001")]

    assert ("1", "aspirin") in found(names, circle)
