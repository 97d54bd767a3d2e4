"""Products of the UK dictionary; the records are made up, their shape is that of the release."""

import io

import pytest

from cds_hooks.terms.dmd import products, products_of_list
from cds_hooks.terms.rows import Row
from tests.build import small_library


def record(tag, **fields):
    return f"<{tag}>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + f"</{tag}>"


INGREDIENTS = "<INGREDIENT_SUBSTANCES>{}</INGREDIENT_SUBSTANCES>".format(
    record("ING", ISID="10", NM="Aspirin lysine")
    + record("ING", ISID="11", NM="Clopidogrel")
    + record("ING", ISID="12", NM="Sucrose")
    + record("ING", ISID="13", NM="Prednisolone allergy")
)
VTMS = "<VIRTUAL_THERAPEUTIC_MOIETIES>{}</VIRTUAL_THERAPEUTIC_MOIETIES>".format(
    record("VTM", VTMID="20", NM="Aspirin + Clopidogrel") + record("VTM", VTMID="21", NM="Sucrose")
)
VMPS = "<V><VMPS>{}</VMPS><VIRTUAL_PRODUCT_INGREDIENT>{}</VIRTUAL_PRODUCT_INGREDIENT></V>".format(
    record("VMP", VPID="30", VTMID="20", NM="Aspirin 75mg / Clopidogrel 75mg tablets")
    + record("VMP", VPID="31", NM="Sucrose 1g sachets"),
    record("VPI", VPID="30", ISID="10")
    + record("VPI", VPID="30", ISID="11")
    + record("VPI", VPID="31", ISID="12")
    + record("VPI", VPID="32", ISID="13"),
)
AMPS = "<ACTUAL_MEDICINAL_PRODUCTS><AMPS>{}</AMPS></ACTUAL_MEDICINAL_PRODUCTS>".format(
    record("AMP", APID="40", VPID="30", NM="DuoCover tablets", DESC="DuoCover 75mg/75mg tablets (Example Ltd)")
    + record("AMP", APID="41", VPID="31", NM="Sugar")
)
VMPPS = "<V><VMPPS>{}</VMPPS></V>".format(
    record("VMPP", VPPID="50", VPID="30", NM="Aspirin and clopidogrel 28 tablet")
)
AMPPS = "<A><AMPPS>{}</AMPPS></A>".format(record("AMPP", APPID="60", VPPID="50", APID="40", NM=""))


def found(*texts):
    rows = [*products((io.BytesIO(text.encode()) for text in texts), small_library())]
    return {(row.code, row.ingredient): (row.route, row.display) for row in rows}


def test_a_product_has_the_ingredients_of_its_substances_and_so_have_brands_and_packs():
    both = found(INGREDIENTS, VTMS, VMPS, AMPS, VMPPS, AMPPS)

    assert {"20", "30", "40", "50", "60"} == {code for code, _ in both}
    assert {"aspirin", "clopidogrel"} == {ingredient for _, ingredient in both}
    assert ("", "Aspirin + Clopidogrel") == both["20", "aspirin"]
    assert ("oral", "Aspirin 75mg / Clopidogrel 75mg tablets") == both["30", "aspirin"]
    assert ("oral", "DuoCover 75mg/75mg tablets (Example Ltd)") == both["40", "clopidogrel"]
    assert ("oral", both["40", "aspirin"][1]) == both["60", "aspirin"]


def test_without_the_file_of_substances_nothing_is_guessed():
    assert {} == found(VMPS, AMPS)


def test_a_list_is_read_by_the_names_in_it():
    lines = [
        "dmd_id,Name,x\n",
        "1,Aspirin 75mg tablets,\n",
        "2,Sugar,\n",
        ",Aspirin,\n",
        '3,"Aspirin eye drops",\n',
    ]

    assert [
        Row("dmd", "1", "aspirin", "oral", "Aspirin 75mg tablets"),
        Row("dmd", "3", "aspirin", "ophthalmic", "Aspirin eye drops"),
    ] == [*products_of_list(lines, small_library())]


@pytest.mark.parametrize("header", ["", "code,price\n", "name,price\n"])
def test_a_list_without_code_or_name_is_told(header):
    with pytest.raises(ValueError, match="needs a column code or dmd_id"):
        [*products_of_list([header], small_library())]
