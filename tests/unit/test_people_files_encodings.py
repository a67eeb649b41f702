"""Encodings of CSV files: detected or given, and where they do not fit, said so with row and column."""

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.people_files import HEADER, PROFILE, ROW, SECRET, columns_of, refusal, saved

from cloison.register.files import Mapping, open_people
from cloison.register.files.encodings import SAMPLE_BYTES, detect, known_encoding

TEXT = f"{HEADER}\n{ROW}\n{ROW.replace('ZOÉ', 'FRANÇOISE HÉLÈNE')}\n"
LONG = "\n".join([HEADER, *[ROW.replace("ZOÉ", "ZOE")] * 30_000])  # ASCII, more than the sample


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("latin-1"), "cp1252"),
        (TEXT.replace("GALL", "CŒUR\u2019S").encode("cp1252"), "cp1252"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.replace("É", "E").replace("Ç", "C").replace("È", "E").encode("ascii"), "utf-8"),
    ],
    ids=["utf-8", "bom", "latin-1", "cp1252", "utf-16-le", "utf-16-be", "bare-le", "bare-be", "ascii"],
)
def test_an_encoding_is_detected(tmp_path: Path, content: bytes, encoding: str) -> None:
    """And the file says which it was, so that the operator can be told."""
    path = saved(tmp_path, content)
    with open_people(path, PROFILE) as file:
        assert (file.encoding, file.detected) == (encoding, True)
    assert columns_of(path)["first_names"][0] in {"ZOÉ", "ZOE"}


@pytest.mark.parametrize(
    ("given_as", "written_as"),
    [
        ("latin-1", "latin-1"),
        ("ISO-8859-1", "latin-1"),
        ("cp1252", "cp1252"),
        ("windows-1252", "cp1252"),
        ("iso-8859-15", "iso-8859-15"),
        ("utf-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_an_encoding_given_is_taken(tmp_path: Path, given_as: str, written_as: str) -> None:
    """From the command line or the mapping, under any of its names."""
    path = saved(tmp_path, TEXT.encode(written_as))
    assert columns_of(path, encoding=given_as)["first_names"] == ["ZOÉ", "FRANÇOISE HÉLÈNE"]
    assert columns_of(path, Mapping(encoding=given_as))["first_names"] == ["ZOÉ", "FRANÇOISE HÉLÈNE"]
    with open_people(path, PROFILE, encoding=given_as) as file:
        assert not file.detected


@pytest.mark.parametrize(
    ("content", "encoding", "told"),
    [
        (TEXT.encode("latin-1"), "utf-8", "row 2, column 3 (first_names) is not UTF-8, the encoding given"),
        (TEXT.encode("utf-8-sig"), "latin-1", "begins with the mark of utf-8 and cannot be latin-1"),
        (TEXT.encode(), "latin-1", "it is UTF-8 and not latin-1"),
        (TEXT.encode("utf-16"), "utf-8", "begins with the mark of utf-16-le"),
        (TEXT.encode("utf-16"), "utf-16-be", "begins with the mark of utf-16-le"),
        (TEXT.encode().replace("É".encode(), b"\x81"), "cp1252", "row 2, column 3 (first_names) is not CP1252"),
        (TEXT.encode(), "klingon", "there is no encoding klingon; give one of utf-8, latin-1"),
        (TEXT.encode(), "rot13", "there is no encoding rot13"),
        (TEXT.encode("utf-32"), "utf-8", "it is UTF-32"),
    ],
)
def test_an_encoding_that_does_not_fit_is_refused(tmp_path: Path, content: bytes, encoding: str, told: str) -> None:
    """A name full of wrong letters would be worse than an error."""
    assert told in refusal(saved(tmp_path, content), encoding=encoding)


@pytest.mark.parametrize("row", [2, 3, 40_000])
def test_a_late_byte_that_is_not_utf_8_is_told_with_row_column_and_remedy(tmp_path: Path, row: int) -> None:
    """Beyond the sample, where nothing can be detected any more, or where the whole is no French Latin-1."""
    lines = [HEADER.encode(), *[ROW.encode()] * 41_000]
    lines[row - 1] = ROW.encode().replace("ZOÉ".encode(), b"ZO\x81" + SECRET.encode())
    told = refusal(saved(tmp_path, b"\n".join(lines)))
    assert f"row {row}, column 3 (first_names) is not UTF-8: give the encoding (--encoding latin-1" in told


def test_latin_1_that_begins_beyond_the_sample_is_told(tmp_path: Path) -> None:
    """The first MiB looks like UTF-8; the first accent after it stops the import instead of becoming another letter."""
    assert len(LONG) > SAMPLE_BYTES
    path = saved(tmp_path, f"{LONG}\n{ROW}\n".encode("latin-1"))
    assert "row 30002, column 3 (first_names) is not UTF-8" in refusal(path)
    assert columns_of(path, encoding="latin-1")["first_names"][-1] == "ZOÉ"


def test_a_file_that_ends_inside_a_character_is_told(tmp_path: Path) -> None:
    """Half a letter at the end is a file cut short."""
    assert "row 4, column 1 (nir) is not UTF-8" in refusal(saved(tmp_path, TEXT.encode() + b"\xc3"))


@pytest.mark.parametrize("content", ["ZO\x8e".encode("latin-1"), b"ZO\x82 H\x8aL\x8aNE", b"\xa5\xa6\xae\xb6"])
def test_what_is_not_french_is_not_taken_for_latin_1(content: bytes) -> None:
    """Macintosh's and DOS's letters are other signs there: better an error than a wrong name."""
    assert detect(content, None).name == "utf-8"


def test_an_accent_cut_by_the_end_of_the_sample_is_whole(tmp_path: Path) -> None:
    """The first MiB may end inside a letter, and a block too."""
    for shift in range(3):
        text = f"{HEADER}\n{'x' * shift},{ROW.partition(',')[2]}\n" + f"{ROW.replace('ZOÉ', 'É' * 60)}\n" * 8_000
        path = saved(tmp_path, text)
        assert set(columns_of(path)["first_names"][1:]) == {"É" * 60}


@given(st.binary(max_size=200))
def test_any_bytes_have_an_encoding_to_be_read_in(sample: bytes) -> None:
    """Detection never fails but for UTF-32, whatever it is shown."""
    if not sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        assert known_encoding(detect(sample, None).name)


@given(st.text("ABCDEZéèêëàâçîïôûùüœŒÉÈ '-", max_size=300))
def test_french_in_latin_1_is_read_as_it_was_written(text: str) -> None:
    """Unless its bytes happen to be UTF-8, as which a reader without a hint must take them."""
    content = text.encode("cp1252")
    try:
        content.decode()
    except UnicodeDecodeError:
        assert detect(content, None).name == "cp1252"
    else:
        assert detect(content, None).name == "utf-8"
