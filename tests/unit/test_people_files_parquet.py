"""Parquet files: every type that can be text, what cannot, and files that are cut, damaged or encrypted."""

import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.people_files import FIELDS, PROFILE, ROW, SECRET, chunks_of, columns_of, refusal, saved

from cloison.register.files import Mapping, open_people

DAY = date(1984, 2, 29)


def written(folder: Path, *, rows: int = 1, name: str = "people.parquet", **columns: Any) -> Path:  # noqa: ANN401
    """A Parquet file of `rows` people, with columns replaced or added."""
    cells: dict[str, Any] = dict(zip(FIELDS, ([value] * rows for value in ROW.split(",")), strict=True))
    path = folder / name
    pq.write_table(pa.table({**cells, **columns}), path)
    return path


def test_people_are_read_by_column_and_counted_from_1(tmp_path: Path) -> None:
    """Parquet has no header row; how many people there are is known."""
    path = written(tmp_path, rows=2_500)
    with open_people(path, PROFILE) as file:
        assert (file.columns, file.rows_known, file.size_bytes) == (tuple(FIELDS), 2_500, path.stat().st_size)
        chunks = list(file.chunks())
    assert [chunk.rows for chunk in chunks] == [1_024, 1_024, 452]
    assert [chunk.first_row for chunk in chunks] == [1, 1_025, 2_049]
    assert [n for chunk in chunks for n in chunk.numbers] == list(range(1, 2_501))
    assert chunks[-1].read_bytes == path.stat().st_size
    assert chunks[0].columns["first_names"] == ["ZOÉ"] * 1_024


MIDNIGHT = datetime(1984, 2, 29)  # noqa: DTZ001 - as a file without time zones has it
PARIS = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("field", "values", "texts"),
    [
        ("birth_name", pa.array(["LE GALL", None, ""]), ["LE GALL", "", ""]),
        ("birth_name", pa.array(["LE GALL", None], pa.large_string()), ["LE GALL", ""]),
        ("birth_name", pa.array(["A", None, "A"]).dictionary_encode(), ["A", "", "A"]),
        ("birth_name", pa.nulls(2), ["", ""]),
        ("nir", pa.array([284131100401203, None]), ["284131100401203", ""]),
        ("sex", pa.array([1, None], pa.uint8()), ["1", ""]),
        ("sex", pa.array([1, 2, 1], pa.int8()).dictionary_encode(), ["1", "2", "1"]),
        ("birth_date", pa.array([DAY, None], pa.date32()), ["1984-02-29", ""]),
        ("birth_date", pa.array([DAY, None], pa.date64()), ["1984-02-29", ""]),
        ("birth_date", pa.array([MIDNIGHT, None], pa.timestamp("s")), ["1984-02-29", ""]),
        ("birth_date", pa.array([MIDNIGHT], pa.timestamp("ns")), ["1984-02-29"]),
        ("birth_date", pa.array([datetime(1900, 1, 1)], pa.timestamp("us")), ["1900-01-01"]),  # noqa: DTZ001
        (
            "birth_date",
            pa.array([MIDNIGHT.replace(tzinfo=PARIS)], pa.timestamp("us", "Europe/Paris")),
            ["1984-02-29"],
        ),
        ("birth_date", pa.array([date(1750, 3, 1)], pa.date32()), ["1750-03-01"]),
        ("adapted_follow_up", pa.array([True, False, None]), ["yes", "no", ""]),
    ],
)
def test_every_type_becomes_the_text_that_a_csv_holds(
    tmp_path: Path, field: str, values: pa.Array, texts: list[str]
) -> None:
    """Nothing is nothing, days are ISO, truth is yes or no."""
    path = written(tmp_path, rows=len(texts), **{field: values})
    assert columns_of(path)[field] == texts


def test_a_time_of_day_is_left_for_the_check_of_dates(tmp_path: Path) -> None:
    """A birthday at half past three is a fault of that row, not of the file, and no hour is dropped silently."""
    values = pa.array([MIDNIGHT, MIDNIGHT.replace(hour=15)], pa.timestamp("us"))
    first, second = columns_of(written(tmp_path, rows=2, birth_date=values))["birth_date"]
    assert first == "1984-02-29"
    assert second.startswith("1984-02-29 15:00:00")


@pytest.mark.parametrize(
    ("field", "values", "told"),
    [
        ("sex", pa.array([1.0]), "column sex is of the type double"),
        ("sex", pa.array([Decimal(1)]), "column sex is of the type decimal"),
        ("birth_name", pa.array([b"x"]), "column birth_name is of the type binary"),
        ("birth_name", pa.array([["x"]]), "column birth_name is of the type list"),
        ("birth_name", pa.array([{"x": 1}]), "column birth_name is of the type struct"),
        ("birth_name", pa.array([True]), "column birth_name is of the type bool"),
        ("birth_date", pa.array([timedelta(1)]), "column birth_date is of the type duration"),
    ],
)
def test_a_type_that_is_no_text_is_refused_with_its_column(
    tmp_path: Path, field: str, values: pa.Array, told: str
) -> None:
    """Before anybody is imported."""
    assert told in refusal(written(tmp_path, **{field: values}))


def test_a_header_is_checked_as_that_of_a_csv(tmp_path: Path) -> None:
    """Unknown, missing and doubled columns; the mapping renames, translates and ignores, nested columns too."""
    assert "unknown columns: colour" in refusal(written(tmp_path, colour=["red"]))
    assert "doubled columns: NIR" in refusal(written(tmp_path, NIR=["1"]))
    mapping = Mapping(
        columns={"email": "Courriel"},
        ignore=("Notes",),
        values={"category": {"SPACE": "formerly"}},
        dates="day-first",
    )
    path = written(tmp_path, Courriel=["a@example.org"], notes=[[{"x": 1}]], birth_date=["29/02/1984"])
    columns = columns_of(path, mapping)
    assert (columns["email"], columns["category"]) == (["a@example.org"], ["formerly"])
    assert columns["birth_date"] == ["1984-02-29"]
    assert "notes" not in columns


def test_what_it_is_is_told_by_its_bytes(tmp_path: Path) -> None:
    """Parquet under another name is Parquet; anything else named .parquet is refused."""
    path = written(tmp_path, name="people.data")
    assert columns_of(path)["birth_name"] == ["LE GALL"]
    assert "is not Parquet, whatever its name says" in refusal(saved(tmp_path, "nir,birth_name\n", "people.parquet"))
    assert "it is empty" in refusal(saved(tmp_path, "", "people.parquet"))
    assert "has neither encoding nor delimiter" in refusal(path, encoding="latin-1")


def test_a_file_of_nobody_holds_nobody(tmp_path: Path) -> None:
    """Columns without rows are no error."""
    assert chunks_of(written(tmp_path, rows=0)) == []


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_a_file_cut_in_the_middle_is_refused_at_once(tmp_path: Path, share: float) -> None:
    """Its end, where the columns are described, is missing: nobody of it is imported."""
    whole = written(tmp_path, rows=5_000, birth_name=[f"{SECRET}{n}" for n in range(5_000)]).read_bytes()
    told = refusal(saved(tmp_path, whole[: int(len(whole) * share)], "cut.parquet"))
    assert "is cut short, its end is missing: copy or write it again" in told


def test_an_encrypted_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """With its footer encrypted, or its columns alone."""

    class Plain(pe.KmsClient):  # type: ignore[misc]
        """A key service that wraps nothing: this test is about reading without keys."""

        def wrap_key(self, key_bytes: bytes, _master: str) -> bytes:
            return key_bytes.hex().encode()

        def unwrap_key(self, wrapped: bytes, _master: str) -> bytes:
            return bytes.fromhex(wrapped.decode())

    table = pa.table(dict(zip(FIELDS, ([value] for value in ROW.split(",")), strict=True)))
    for plain_footer in (False, True):
        settings = pe.EncryptionConfiguration(
            footer_key="footer", column_keys={"column": FIELDS}, plaintext_footer=plain_footer
        )
        factory = pe.CryptoFactory(lambda _: Plain())
        path = tmp_path / "sealed.parquet"
        properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), settings)
        with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
            writer.write_table(table)
        assert "encrypted" in refusal(path)


@pytest.mark.parametrize("where", [0.1, 0.3, 0.6])
def test_a_damaged_file_is_refused_and_says_from_which_row(tmp_path: Path, where: float) -> None:
    """Bytes overwritten in the middle: an error with the row, never a crash, never a wrong person silently."""
    names = [f"{SECRET}{number * 7919 % 100_003}" for number in range(20_000)]
    cells = dict(zip(FIELDS, ([value] * 20_000 for value in ROW.split(",")), strict=True)) | {"birth_name": names}
    path = tmp_path / "damaged.parquet"
    pq.write_table(pa.table(cells), path, write_page_checksum=True)
    whole = bytearray(path.read_bytes())
    at = int(len(whole) * where)
    whole[at : at + 64] = b"\xff" * 64
    path.write_bytes(whole)
    told = refusal(path)
    assert "damaged" in told


def test_a_value_that_is_not_utf_8_is_told_with_row_and_column(tmp_path: Path) -> None:
    """Whoever wrote the file lied about the type: the row says where."""
    values = pa.array([b"OK", SECRET.encode() + b"\xff"]).cast(pa.binary())
    forged = pa.StringArray.from_buffers(2, values.buffers()[1], values.buffers()[2])
    assert "row 2, column birth_name holds a value that is no text" in refusal(
        written(tmp_path, rows=2, birth_name=forged)
    )


@given(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=50),
    st.integers(1, 60),
    st.booleans(),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[str | None],
    rows: int,
    dictionary: bool,  # noqa: FBT001 - given by Hypothesis
) -> None:
    """Any text, in chunks of any length, plain or as a dictionary."""
    array = pa.array(values, pa.string())
    path = written(
        tmp_path_factory.getbasetemp(),
        rows=len(values),
        birth_name=array.dictionary_encode() if dictionary else array,
    )
    assert columns_of(path, rows=rows)["birth_name"] == [value or "" for value in values]


READ_ALL = """
import resource, sys
from pathlib import Path
from cloison.register.files import open_people
from cloison.register.profile import load_profile
with open_people(Path(sys.argv[1]), load_profile("jobseekers-fr")) as file:
    people = sum(chunk.rows for chunk in file.chunks())
print(people, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_memory_is_bounded_whatever_the_files_size(tmp_path: Path, kind: str) -> None:
    """A row group of 100 MB, and a CSV as large, are read in far less than they are."""
    rows = 700_000
    path = tmp_path / f"people.{kind}"
    if kind == "parquet":
        address = pa.array([f"{n * 7919 % 1_000_003} RUE DES LILAS {n * 104_729 % 999_983}" * 3 for n in range(rows)])
        cells = {name: pa.repeat(value, rows) for name, value in zip(FIELDS, ROW.split(","), strict=True)}
        pq.write_table(pa.table({**cells, "address": address}), path, row_group_size=rows, use_dictionary=False)
    else:
        with path.open("w", encoding="utf-8") as file:
            file.write(",".join([*FIELDS, "address"]) + "\n")
            file.writelines(f"{ROW},{n * 7919 % 1_000_003} RUE DES LILAS {'x' * 100}\n" for n in range(rows))
    people, kib = map(int, _run(READ_ALL, path).split())
    assert people == rows
    small = saved(tmp_path, f"{','.join(FIELDS)}\n{ROW}\n", "small.csv")
    if kind == "parquet":
        small = written(tmp_path, name="small.parquet")
    _, idle = map(int, _run(READ_ALL, small).split())
    assert kib - idle < 60_000


def _run(script: str, path: Path) -> str:
    return subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout
