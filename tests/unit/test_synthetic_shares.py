"""Synthetic people as a crowd: what a register of real people looks like, counted."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from cloison.register import synthetic
from cloison.register.places import communes, table

AS_OF = date(2026, 11, 22)
COUNT = 100_000


@cache
def people() -> list[dict[str, str]]:
    """The same people for every test."""
    return list(synthetic.people(COUNT, seed=11, as_of=AS_OF))


def shares(counts: Counter[str]) -> dict[str, float]:
    """Each key's share of the total."""
    total = counts.total()
    return {key: number / total for key, number in counts.items()}


def distance(found: dict[str, float], expected: dict[str, float]) -> float:
    """Half of the sum of differences: 0 for the same shares, 1 for nothing in common."""
    return sum(abs(found.get(key, 0) - expected.get(key, 0)) for key in found.keys() | expected.keys()) / 2


def named(key: str, rows: list[dict[str, str]]) -> dict[str, float]:
    """The shares of births of each name of a table."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row[key]] += int(row["births"])
    return shares(counts)


def test_departments_and_communes_have_their_share() -> None:
    """Every department has people as its population says, and so have the largest communes."""
    places = {commune.code: commune for commune in communes()}
    lived = Counter(places[row["commune"]].department for row in people())
    population: Counter[str] = Counter()
    for commune in places.values():
        population[commune.department] += commune.population
    expected = shares(population)
    found = shares(lived)
    assert distance(found, expected) < 0.02
    assert max(abs(found.get(name, 0) - share) for name, share in expected.items()) < 0.003
    homes = Counter(row["commune"] for row in people())
    for code in sorted(places, key=lambda code: -places[code].population)[:5]:
        share = places[code].population / population.total()
        assert homes[code] / COUNT == pytest.approx(share, rel=0.25), code


@pytest.mark.parametrize("decade", [1960, 1970, 1980, 1990, 2000])
@pytest.mark.parametrize("sex", ["1", "2"])
def test_first_names_are_those_of_sex_and_decade(sex: str, decade: int) -> None:
    """Their shares are near those of the table for that decade, and far from those of another and of the other sex."""
    given = [
        row["first_names"].split()[0]
        for row in people()
        if row["sex"] == sex and int(row["birth_date"][:4]) // 10 * 10 == decade
    ]
    rows = table("first_names.csv")

    def expected(of_sex: str, of_decade: int) -> dict[str, float]:
        return named("name", [row for row in rows if (row["sex"], row["decade"]) == (of_sex, str(of_decade))])

    found = shares(Counter(given))
    own = distance(found, expected(sex, decade))
    assert own < 0.2
    assert distance(found, expected(str(3 - int(sex)), decade)) > 0.9
    assert distance(found, expected(sex, decade - 30 if decade > 1960 else 1990)) > own + 0.3


def test_surnames_are_those_of_the_table() -> None:
    """Their shares are near, MARTIN the most."""
    found = Counter(row["birth_name"] for row in people())
    top = [row["name"] for row in sorted(table("surnames.csv"), key=lambda row: -int(row["births"]))[:200]]
    expected = named("name", table("surnames.csv"))
    assert found.most_common(1)[0][0] == top[0]
    ours, theirs = (sum(share.get(name, 0) for name in top) for share in (shares(found), expected))
    assert ours == pytest.approx(theirs, rel=0.05)


def test_some_are_homonyms() -> None:
    """About one in a hundred shares birth name and birth date, two in five of them sex and first name too."""
    same = defaultdict(list)
    for row in people():
        same[row["birth_name"], row["birth_date"]].append(row)
    both = [rows for rows in same.values() if len(rows) > 1]
    assert 0.005 < sum(map(len, both)) / COUNT < 0.03
    exact = Counter(
        (row["birth_name"], row["birth_date"], row["sex"], row["first_names"].split()[0]) for row in people()
    )
    twice = {key for key, number in exact.items() if number > 1}
    assert 0.003 < sum(exact[key] for key in twice) / COUNT < 0.01
    homonyms = [
        [
            row
            for row in rows
            if (row["birth_name"], row["birth_date"], row["sex"], row["first_names"].split()[0]) in twice
        ]
        for rows in both
    ]
    for rows in homonyms:
        numbers = [row["nir"] for row in rows if row["nir"]]
        assert len(numbers) == len(set(numbers))
    together = [rows for rows in homonyms if len({row["commune"][:2] for row in rows}) < len(rows) > 1]
    assert len(together) > 50  # in one department, where a search finds both


def test_there_are_twins() -> None:
    """Some share birth name, birth date and home, but neither first names nor NIR."""
    same = defaultdict(list)
    for row in people():
        same[row["birth_name"], row["birth_date"], row["address"], row["commune"]].append(row)
    twins = [rows for rows in same.values() if len(rows) > 1]
    assert 20 < len(twins) < 500
    assert sum(len({row["first_names"] for row in rows}) == len(rows) for rows in twins) > len(twins) * 0.9


def test_people_live_in_households() -> None:
    """Half of all people share their home with somebody of their name; homes of strangers are rare, none is large."""
    homes = defaultdict(list)
    for row in people():
        homes[row["address"], row["postcode"], row["commune"], row["city"]].append(row)
    of_family = 0
    for rows in homes.values():
        names = Counter(name for row in rows for name in {row["birth_name"], row["usage_name"]} - {""})
        of_family += sum(any(names[name] > 1 for name in {row["birth_name"], row["usage_name"]}) for row in rows)
    assert 0.4 < of_family / COUNT < 0.65
    alone = sum(len(rows) == 1 for rows in homes.values()) / COUNT
    assert 0.25 < alone < 0.4
    assert max(map(len, homes.values())) <= 12


def test_women_of_couples_bear_two_names() -> None:
    """A usage name is most often that of somebody at home; men have one rarely."""
    used = [row for row in people() if row["usage_name"]]
    assert Counter(row["sex"] for row in used)["2"] > 8 * Counter(row["sex"] for row in used)["1"]
    at_home = {(row["address"], row["commune"], row["birth_name"]) for row in people()}
    share = sum((row["address"], row["commune"], row["usage_name"]) in at_home for row in used) / len(used)
    assert share > 0.4


def test_registrations_fill_twenty_years() -> None:
    """Every year has registrations, and no day or month has too many; few begin at a weekend."""
    begun = [row["registered_on"] for row in people() if row["registered_on"]]
    years = Counter(day[:4] for day in begun)
    assert all(years[str(year)] > 0.03 * len(begun) for year in range(2007, 2026))
    assert max(Counter(begun).values()) < 0.004 * len(begun)
    weekend = sum(date.fromisoformat(day).weekday() >= 5 for day in begun) / len(begun)
    assert 0.02 < weekend < 0.12


def test_registrations_end_at_the_end_of_a_month_mostly() -> None:
    """Half of them and some; the ends do not heap up on the day of the file, and durations are months, not decades."""
    rows = [row for row in people() if row["ended_on"]]
    last = [
        (date.fromisoformat(row["ended_on"]) + timedelta(days=1)).day == 1
        for row in rows
        if row["ended_on"] < "2026-11-01"
    ]
    assert 0.45 < sum(last) / len(last) < 0.6
    assert max(Counter(row["ended_on"] for row in rows).values()) < 0.01 * len(rows)
    days = [(date.fromisoformat(r["ended_on"]) - date.fromisoformat(r["registered_on"])).days for r in rows]
    assert 150 < np.median(days) < 300
    assert np.percentile(days, 99) < 5 * 365


def test_nirs_use_all_impossible_months_alike() -> None:
    """Months 13 to 19, each about a seventh, and orders from 1 on."""
    nirs = [row["nir"] for row in people() if row["nir"]]
    months = shares(Counter(nir[3:5] for nir in nirs))
    assert set(months) == {str(month) for month in range(13, 20)}
    assert 1 <= min(int(nir[10:13]) for nir in nirs) <= max(int(nir[10:13]) for nir in nirs) <= 999
    assert 0.95 < len(nirs) / COUNT < 0.98
