"""The command `load-terms`: from a downloaded release to a table that a site folder can hold."""

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.site import apply
from cds_hooks.settings import Settings
from cds_hooks.terms.rows import Row, write_table
from tests.build import write_library

CONSO = """\
3001|ENG|||||||||3001|RXNORM|IN|3001|aspirin||N|4096|
900001|ENG|||||||||900001|RXNORM|SCD|900001|aspirin 81 MG Oral Tablet||N|4096|
"""
REL = "3001||CUI|RO|900001||CUI|has_ingredient|1||RXNORM|||||4096|\n"
INGREDIENTS = "<I><ING><ISID>1</ISID><NM>Aspirin</NM></ING></I>"
PRODUCTS = "<V><VMP><VPID>7</VPID><NM>Aspirin 75mg tablets</NM></VMP><VPI><VPID>7</VPID><ISID>1</ISID></VPI></V>"


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path_factory):
    """The small library of the tests instead of the release, which takes longer to load."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CDS_{name.upper()}", raising=False)
    folder = write_library(tmp_path_factory.mktemp("library"))
    monkeypatch.setenv("CDS_LIBRARY_DIR", str(folder))
    return load(folder)


@pytest.fixture
def rxnorm(tmp_path):
    folder = tmp_path / "release/rrf"
    folder.mkdir(parents=True)
    (folder / "RXNCONSO.RRF").write_text(CONSO)
    (folder / "RXNREL.RRF").write_text(REL)
    return tmp_path / "release"


def run(*arguments):
    return CliRunner().invoke(main, ["load-terms", *map(str, arguments)])


@pytest.mark.parametrize("given", ["", "rrf", "rrf/RXNCONSO.RRF"])
def test_a_release_becomes_a_table_that_the_site_folder_accepts(tmp_path, rxnorm, small, given):
    site = tmp_path / "site"

    result = run(rxnorm / given, "--out", site)

    assert 0 == result.exit_code, result.output
    assert "products/rxnorm.csv: 1 rows for 1 ingredients" in result.output
    assert "No product of: clopidogrel" in result.output
    assert "rxnorm,900001,aspirin,oral,aspirin 81 MG Oral Tablet" in (site / "products/rxnorm.csv").read_text()
    assert ("Local products: 1 rows for 1 ingredients",) == apply(small, site).site


def test_the_site_folder_of_the_settings_is_taken(tmp_path, rxnorm, monkeypatch):
    monkeypatch.setenv("CDS_SITE_DIR", str(tmp_path / "own"))

    assert 0 == run(rxnorm).exit_code
    assert (tmp_path / "own/products/rxnorm.csv").is_file()


def test_the_dictionary_is_read_from_its_folder(tmp_path):
    (tmp_path / "f_ingredient2_3010124.xml").write_text(INGREDIENTS)
    (tmp_path / "f_vmp2_3010124.xml").write_text(PRODUCTS)

    result = run(tmp_path, "--out", tmp_path / "site")

    assert 0 == result.exit_code, result.output
    assert "dmd,7,aspirin,oral" in (tmp_path / "site/products/dmd.csv").read_text()


def test_a_list_is_read(tmp_path):
    (tmp_path / "list.csv").write_bytes("\ufeffcode,term\n7,Aspirin 75mg tablets\n".encode())

    assert 0 == run(tmp_path / "list.csv", "--out", tmp_path / "site").exit_code
    assert "dmd,7,aspirin,oral" in (tmp_path / "site/products/dmd.csv").read_text()


def test_without_a_site_folder_it_is_asked_for(rxnorm):
    result = run(rxnorm)

    assert (2, True) == (result.exit_code, "--out, or set CDS_SITE_DIR" in result.output)


@pytest.mark.parametrize(
    ("name", "told"), [("other.txt", "is no terminology that can be read"), ("list.csv", "needs a column")]
)
def test_what_is_no_release_is_told(tmp_path, name, told):
    (tmp_path / name).write_text("a,b\n")

    result = run(tmp_path / name, "--out", tmp_path / "site")

    assert (2, True) == (result.exit_code, told in result.output)
    assert not (tmp_path / "site/products/dmd.csv").exists()


def test_a_table_is_replaced_only_by_a_whole_one(tmp_path):
    path = tmp_path / "dmd.csv"
    row = Row("dmd", "1", "aspirin", "oral", "Aspirin")

    assert (row,) == write_table([row, row], path)

    def broken():
        yield row
        raise ValueError("broken off")

    with pytest.raises(ValueError, match="broken off"):
        write_table(broken(), path)
    assert "dmd,1,aspirin,oral,Aspirin" in path.read_text()
