import pytest

from cds_hooks.terms.forms import route_of


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("oral", "aspirin 81 MG Delayed Release Oral Tablet"),
        ("oral", "Aspirin 75mg dispersible tablets"),
        ("oral", "Aspirin 227 MG Chewing Gum [Aspergum]"),
        ("nasal", "fluticasone furoate 0.0275 MG/ACTUAT Metered Dose Nasal Spray"),
        ("oral", "aspirin / hydrocodone Oral Tablet [Panasal]"),
        ("oral", "aspirin Oral Tablet [Nasal Relief]"),
        ("inhaled", "Budesonide 1mg/2ml nebuliser liquid unit dose vials"),
        ("ophthalmic", "Dexamethasone 0.1% eye drops"),
        ("ophthalmic", "Prednisolone eye ointment"),
        ("rectal", "Hydrocortisone rectal ointment"),
        ("topical", "Hydrocortisone 1% cream"),
        ("parenteral", "Heparin sodium 5000units/ml ampoules"),
        ("sublingual", "Glyceryl trinitrate sublingual tablets"),
        ("", "{7 (aspirin Oral Tablet) / 1 (aspirin Rectal Suppository) } Pack"),
        ("", "aspirin 81 MG"),
    ],
)
def test_the_dose_form_tells_the_route(route, name):
    assert route == route_of(name)
