"""The files of an export, and what stands in them in whole lines."""

import gzip

import pytest

from cds_hooks.errors import ReplayError
from cds_hooks.populations import sources as module
from cds_hooks.populations.sources import CutShort, blocks, cut_out, exported_types, is_of_lines, sources


def told(_count):
    return None


def content(path):
    return [block.content for block in blocks(path, told)]


@pytest.fixture(autouse=True, params=["isal", "zlib"])
def unpacker(request, monkeypatch):
    """What unpacks: isal, and where it is not installed zlib."""
    if request.param == "zlib":
        monkeypatch.setattr(module, "find_spec", lambda _name: None)


@pytest.fixture
def small(monkeypatch):
    """Files are read eight bytes at a time, and a line may have twenty."""
    monkeypatch.setattr(module, "_BLOCK", 8)
    monkeypatch.setattr(module, "_LONGEST", 20)


def test_the_files_of_a_folder_come_by_name_and_the_manifest_is_none(tmp_path):
    for name in ("b.ndjson.gz", "a.ndjson", "deep/c.json", "manifest.json", "notes.txt", "x.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{}\n")

    found = [source.path.rpartition("/")[2] for source in sources(tmp_path)]

    assert ["a.ndjson", "b.ndjson.gz", "c.json", "x.jsonl"] == found
    assert 3 == sources(tmp_path / "a.ndjson")[0].size


def test_an_export_without_files_is_refused(tmp_path):
    with pytest.raises(ReplayError, match="holds no file"):
        sources(tmp_path)


def test_the_manifest_tells_which_types_were_exported(tmp_path):
    assert frozenset() == exported_types(tmp_path)

    (tmp_path / "manifest.json").write_text('{"output": [{"type": "Observation", "url": "x"}, {}]}')
    assert {"Observation", ""} == exported_types(tmp_path)

    (tmp_path / "manifest.json").write_text("no JSON")
    assert frozenset() == exported_types(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.ndjson", "no JSON", True),
        ("a.jsonl.gz", "", True),
        ("a.json", '{"a": 1}\n{"a": 2}\n', True),
        ("a.json", '{"a": 1}', False),
        ("a.json", '{\n"a": 1}\n', False),
        ("a.json", "", False),
    ],
)
def test_a_file_is_of_lines_by_its_name_or_by_its_first_line(tmp_path, name, text, lines):
    path = tmp_path / name
    path.write_text(text)

    assert lines is is_of_lines(str(path))


def test_a_packed_document_is_looked_into_and_an_address_goes_by_its_name(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n{"a": 2}\n'))

    assert is_of_lines(str(path))
    assert is_of_lines("s3a://bucket/a.ndjson.gz")
    assert not is_of_lines("s3a://bucket/a.json")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda text: gzip.compress(text[:9]) + gzip.compress(text[9:])]
)
def test_blocks_end_with_lines_and_lose_nothing(tmp_path, pack):
    text = b"one\ntwo\nthree four five\nsix"
    path = tmp_path / "a.ndjson"
    path.write_bytes(pack(text))

    found = list(blocks(path, told))

    assert text == b"".join(block.content for block in found)
    assert all(block.content.endswith(b"\n") for block in found[:-1])
    assert all(text[block.start :].startswith(block.content) for block in found)
    end = found[-1].start
    assert [text[:3] + text[5:25], text[end:]] == list(cut_out(path, [[(0, 3), (5, 25)], [(end, 27)]], told))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("place", [(30, 40), (25, 60)])
def test_a_packed_file_that_became_shorter_ends_the_run_and_says_so(tmp_path, place):
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\nthree four five\nsix"))

    with pytest.raises(ReplayError, match="became shorter"):
        list(cut_out(path, [[place]], told))


@pytest.mark.usefixtures("small")
def test_padding_after_a_member_is_nothing(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes(gzip.compress(b"one\n") + b"\0" * 20)

    assert [b"one\n"] == content(path)


@pytest.mark.usefixtures("small")
def test_a_line_that_is_too_long_is_passed_over_and_the_next_is_read(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"one\n" + b"x" * 50 + b"\ntwo\n")
    last = tmp_path / "b.ndjson"
    last.write_bytes(b"x" * 50)

    found = list(blocks(path, told))

    assert 1 == [block.content for block in found].count(None)
    assert [(0, b"one\n"), (55, b"two\n")] == [block for block in found if block.content]
    assert [None] == content(last)


@pytest.mark.usefixtures("small")
def test_a_document_comes_as_one_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{\n"a": 12345}\n')
    long = tmp_path / "b.json"
    long.write_bytes(b'{\n"a": "' + b"x" * 50 + b'"}\n')

    assert [path.read_bytes()] == content(path)
    assert [None] == content(long)


@pytest.mark.parametrize("kept", [-9, -4])
def test_what_ends_in_the_middle_gives_its_whole_lines_first(tmp_path, kept):
    path = tmp_path / "a.ndjson"
    path.write_bytes(gzip.compress(b"".join(b"line %d\n" % number for number in range(2000)))[:kept])
    found = []

    with pytest.raises(CutShort):
        found.extend(blocks(path, told))

    assert found
    assert all(block.content.endswith(b"\n") for block in found)


def test_what_is_no_gzip_after_its_beginning_ends_in_the_middle(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\x1f\x8b" + b"x" * 40)

    with pytest.raises(CutShort):
        content(path)


def test_what_was_read_is_told(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"one\n")
    counts = []

    list(blocks(path, counts.append))

    assert [4] == counts


def test_of_a_file_that_is_not_packed_nothing_is_read_but_what_is_cut_out(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"one\ntwo\nthree\n")
    counts = []

    assert [b"two\n", b"three\n"] == list(cut_out(path, [[(4, 8)], [(8, 14)]], counts.append))
    assert [14] == counts


@pytest.mark.usefixtures("small")
def test_what_was_read_is_told_some_of_it_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TOLD", 10)
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"one\ntwo\nthree four five\nsix")
    counts = []

    list(blocks(path, counts.append))

    assert [16, 11] == counts
