"""Synthetic people: fictional in every identifying part, realistic in the rest, and never twice the same."""

import csv
import re
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from stdnum.fr import nir as nir_number

from cloison.errors import BadRequestError
from cloison.register import synthetic
from cloison.register.profile import load_profile
from cloison.register.records import Record, RecordMaker
from cloison.register.synthetic_nir import CELL, NirIssuer
from cloison.register.synthetic_tables import Draw

AS_OF = date(2026, 11, 22)
COUNT = 30_000
FICTION = re.compile(r"(?:01 99 00|02 61 91|03 53 01|04 65 71|05 36 49|06 39 98) \d\d \d\d")


@cache
def people() -> list[dict[str, str]]:
    """The same people for every test."""
    return list(synthetic.people(COUNT, seed=7, as_of=AS_OF))


def written(path: Path, count: int, **options: object) -> str:
    """The text of a file of people."""
    synthetic.write(path, count, **{"seed": 7, "as_of": AS_OF, **options})  # type: ignore[arg-type]
    return path.read_text(encoding="utf-8")


def test_the_columns_are_the_profiles() -> None:
    """A file fits the bundled profile without a mapping."""
    assert tuple(load_profile("jobseekers-fr").fields) == synthetic.COLUMNS


def test_everybody_passes_the_import() -> None:
    """No synthetic person is refused."""
    maker = RecordMaker(load_profile("jobseekers-fr"), today=AS_OF)
    assert all(isinstance(maker.to_record(row), Record) for row in people())


def test_nobody_can_be_anybody() -> None:
    """Months of NIRs are 13 to 19, phones lie in the blocks for fiction, addresses at example.org."""
    for row in people():
        assert not row["nir"] or 13 <= int(row["nir"][3:5]) <= 19
        assert not row["phone"] or FICTION.fullmatch(row["phone"])
        assert not row["email"] or row["email"].endswith("@example.org")


def test_nirs_are_right_and_agree_with_the_person() -> None:
    """Sex, year of birth, place and key, in Corsica and abroad too."""
    nirs = [row for row in people() if row["nir"]]
    for row in nirs:
        nir = row["nir"]
        assert nir_number.validate(nir) == nir
        place = row["birth_place"]
        if row["birth_date"] < "1968" and place.startswith("92"):
            place = "75" + place[2:]  # as births before 1968 in today's 92 carry
        assert (nir[0], nir[1:3], nir[5:10]) == (row["sex"], row["birth_date"][2:4], place)
    assert {"2A", "2B", "99", "97"} <= {row["nir"][5:7] for row in nirs}
    old = [row for row in nirs if row["birth_place"].startswith("92") and row["birth_date"] < "1968"]
    assert old
    assert {row["nir"][5:7] for row in old} == {"75"}


def test_nobody_shares_a_nir_or_an_identifier() -> None:
    """Across chunks too."""
    for column in ("nir", "identifier"):
        values = [row[column] for row in people() if row[column]]
        assert len(values) == len(set(values))


def test_identifiers_follow_the_day_of_registration() -> None:
    """Eleven digits since March 2025, 8 to 12 letters and digits before."""
    for row in people():
        if not row["registered_on"] or row["registered_on"] >= "2025-03-01":
            assert re.fullmatch(r"\d{11}", row["identifier"])
        else:
            assert re.fullmatch(r"(?=.*[A-Z])[0-9A-Z]{8,12}", row["identifier"])


def test_categories_have_their_shares_and_their_dates() -> None:
    """17 % registered, 70 % formerly; who is registered has no end, who was has one, a space has neither."""
    shares = Counter(row["category"] for row in people())
    assert shares["registered"] / COUNT == pytest.approx(0.17, abs=0.02)
    assert shares["formerly"] / COUNT == pytest.approx(0.70, abs=0.02)
    expected = {"registered": (True, False), "formerly": (True, True), "space": (False, False)}
    for row in people():
        assert (bool(row["registered_on"]), bool(row["ended_on"])) == expected[row["category"]]


def test_dates_follow_each_other() -> None:
    """Born 16 years before the registration at least, ended after it, nothing after the day of the file."""
    for row in people():
        born = row["birth_date"]
        start = row["registered_on"] or row["space_used_on"]
        assert int(start[:4]) - int(born[:4]) >= 15
        assert born < start <= (row["ended_on"] or AS_OF.isoformat()) < "2026-11-23"
        assert row["space_used_on"] <= (row["deceased_on"] or AS_OF.isoformat())
        assert row["ended_on"] <= (row["deceased_on"] or AS_OF.isoformat()) <= AS_OF.isoformat()
        assert start >= "2006-11-01"


def test_nobody_registers_too_young_or_too_old() -> None:
    """Between 16 and 67 years old, and nobody older is registered still."""
    for row in people():
        if row["category"] == "space":
            continue
        begun = date.fromisoformat(row["registered_on"])
        age = (begun - date.fromisoformat(row["birth_date"])).days / 365.25
        assert 16 <= age <= 67.1
        if row["category"] == "registered":
            assert (AS_OF - date.fromisoformat(row["birth_date"])).days / 365.25 <= 67.1


def test_the_dead_were_registered_formerly() -> None:
    """About one in a hundred, the old more than the young; for some the registration ended with them."""
    dead = [row for row in people() if row["deceased_on"]]
    assert {row["category"] for row in dead} == {"formerly"}
    assert 0.003 < len(dead) / COUNT < 0.03
    together = sum(row["deceased_on"] == row["ended_on"] for row in dead) / len(dead)
    assert 0.1 < together < 0.6
    births = [np.median([int(row["birth_date"][:4]) for row in rows]) for rows in (dead, people())]
    assert births[0] < births[1] - 3


def test_space_alone_is_never_followed_up() -> None:
    """Whether a follow-up is adapted is known of registrations only, and of those who go on nearly always."""
    found = Counter((row["category"], row["adapted_follow_up"]) for row in people())
    assert {adapted for category, adapted in found if category == "space"} == {""}
    registered = found["registered", "yes"] + found["registered", "no"]
    assert found["registered", "yes"] / registered == pytest.approx(0.05, abs=0.02)


def test_first_names_follow_sex_and_decade() -> None:
    """MONIQUE is born before 1970 mostly, KEVIN after 1980 mostly."""

    def births(name: str) -> list[int]:
        return [int(row["birth_date"][:4]) for row in people() if row["first_names"].split()[0] == name]

    assert np.median(births("MONIQUE")) < 1970
    assert np.median(births("KEVIN")) > 1980
    assert {row["sex"] for row in people() if row["first_names"].startswith("MONIQUE")} == {"2"}


def test_people_live_where_people_live() -> None:
    """The department with the most people of France has more of them than the one with the fewest."""
    homes = Counter(row["commune"][:2] for row in people())
    assert homes["59"] / COUNT == pytest.approx(2.61 / 68.6, abs=0.006)
    assert homes["59"] > 10 * homes["48"]


def test_the_same_seed_gives_the_same_people_and_another_others(tmp_path: Path) -> None:
    """Deterministic by seed and day; a longer file begins with the shorter one, across chunks."""
    short, long = written(tmp_path / "a", 20_500), written(tmp_path / "b", 21_000)
    assert long.startswith(short)
    assert written(tmp_path / "c", 20_500) == short
    assert written(tmp_path / "d", 20_500, seed=8) != short


def test_people_can_be_of_some_departments_only(tmp_path: Path) -> None:
    """They live there; where they are born stays free."""
    rows = list(csv.DictReader(written(tmp_path / "a", 500, departments=["59", "2A", "971"]).splitlines()))
    assert {row["commune"][:2] for row in rows} == {"59", "2A", "97"}
    assert len({row["birth_place"][:2] for row in rows}) > 5


@pytest.mark.parametrize("departments", [["00"], ["59", "nowhere"], []])
def test_departments_without_a_commune_are_refused(tmp_path: Path, departments: list[str]) -> None:
    """Before a file is made."""
    with pytest.raises(BadRequestError):
        synthetic.write(tmp_path / "a", 10, departments=departments)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("count", [0, 1])
def test_small_files_are_files(tmp_path: Path, count: int) -> None:
    """Nobody, or one person, below a header."""
    assert len(written(tmp_path / "a", count).splitlines()) == count + 1


def test_a_full_place_sends_people_elsewhere() -> None:
    """Where no number is left for a sex, year and place, the next person is born in another place; none repeats."""
    places = np.array(["59350", "2A004"], dtype=object)
    issuer = NirIssuer(places)
    count = CELL + 50
    sex, year = np.full(count, 1), np.full(count, 1984)
    nirs, born = issuer.issue(np.random.default_rng(0), sex, year, np.zeros(count, np.int64))
    assert len(set(nirs)) == count
    assert 0 < (born == 1).sum() <= 50
    assert all(nir[5:10] == places[place] for nir, place in zip(nirs, born, strict=True))


def test_draws_follow_their_weights_within_their_group() -> None:
    """Nothing without weight is drawn, and no group reaches into another."""
    draw = Draw(np.array([1.0, 0.0, 3.0, 0.0, 5.0]), np.array([0, 0, 0, 1, 1]))
    found = Counter(draw.draw(np.random.default_rng(0), np.zeros(4_000, np.int64)).tolist())
    assert set(found) == {0, 2}
    assert found[2] / found[0] == pytest.approx(3, rel=0.2)
    assert set(draw.draw(np.random.default_rng(0), np.ones(100, np.int64)).tolist()) == {4}
