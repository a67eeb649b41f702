"""The staff of synthetic people: agencies, partner bodies, caseloads and a year of interactions that match them."""

import csv
import re
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from cloison.register import synthetic, synthetic_staff
from cloison.register.places import department
from cloison.register.profile import load_profile
from cloison.register.synthetic_calendar import day_shares, easter, holidays, offsets, without_overlap
from cloison.register.synthetic_tables import Tables

AS_OF = date(2026, 11, 22)
COUNT = 300_000
SEED = 5
DEPARTMENTS = ["59", "2A", "48", "13", "971"]
Rows = list[dict[str, str]]


def rows_of(path: Path) -> Rows:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Made(NamedTuple):
    """What one command wrote."""

    people: dict[str, dict[str, str]]
    organisations: Rows
    agencies: Rows
    accounts: dict[str, dict[str, str]]
    handles: list[str]
    caseload: Rows
    interactions: Rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """People of a few departments and their staff."""
    folder = tmp_path_factory.mktemp("made")
    synthetic.write(
        folder / "people.csv", COUNT, seed=SEED, as_of=AS_OF, departments=DEPARTMENTS, staff=folder / "staff"
    )
    organisations, agencies, accounts, caseload, interactions = (
        rows_of(folder / "staff" / f"{name}.csv")
        for name in ("organisations", "agencies", "accounts", "caseload", "interactions")
    )
    return Made(
        {row["identifier"]: row for row in rows_of(folder / "people.csv")},
        organisations,
        agencies,
        {row["handle"]: row for row in accounts},
        [row["handle"] for row in accounts],
        caseload,
        interactions,
    )


def sizes(made: Made, role: str) -> list[int]:
    """How many people each account of a role follows."""
    followed = Counter(row["account"] for row in made.caseload)
    return [followed[handle] for handle, account in made.accounts.items() if account["role"] == role]


def test_people_are_the_same_with_and_without_their_staff(tmp_path: Path) -> None:
    """Asking for the staff changes nobody, and the same seed gives the same staff."""
    for name in "ab":
        synthetic.write(tmp_path / f"{name}.csv", 5_000, seed=1, as_of=AS_OF, staff=tmp_path / name)
    synthetic.write(tmp_path / "c.csv", 5_000, seed=1, as_of=AS_OF)
    assert len({(tmp_path / f"{name}.csv").read_bytes() for name in "abc"}) == 1
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["accounts.csv", "agencies.csv", "caseload.csv", "interactions.csv", "organisations.csv"]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_names_of_accounts_are_made_up(made: Made) -> None:
    """A handle is role, department and number; nobody has a name, and no two share a handle."""
    for handle, account in made.accounts.items():
        found = re.fullmatch(r"(adv|par|ben|rec|man|off|dpo|hot)-(\w{2,3})-\d{4,}", handle)
        assert found
        assert found[2] == account["segment"]
    assert len(set(made.handles)) == len(made.handles)


def test_accounts_agencies_and_organisations_agree(made: Made) -> None:
    """Every account belongs to an agency of its organisation; roles are the profile's; partners say what they are."""
    offices = {(row["organisation"], row["agency"]): row["segment"] for row in made.agencies}
    assert len(offices) == len(made.agencies)
    roles = load_profile("jobseekers-fr").roles
    for account in made.accounts.values():
        assert offices[account["organisation"], account["agency"]] == account["segment"]
        assert account["role"] in roles
    counted = Counter(account["organisation"] for account in made.accounts.values())
    service, *partners = made.organisations
    assert service == {"name": synthetic_staff.SERVICE, "segments": "", "roles": "", "accounts": ""}
    assert len(partners) == 3
    for partner in partners:
        theirs = [a for a in made.accounts.values() if a["organisation"] == partner["name"]]
        assert int(partner["accounts"]) == counted[partner["name"]] == len(theirs)
        assert set(partner["segments"].split()) == {account["segment"] for account in theirs}
        assert set(partner["roles"].split()) == {account["role"] for account in theirs} >= {"partner"}


def test_only_registered_people_are_followed_each_by_one_of_their_department(made: Made) -> None:
    """Nobody is followed twice, formerly registered or elsewhere; from a day after the registration on, until now."""
    assert len({row["identifier"] for row in made.caseload}) == len(made.caseload)
    for row in made.caseload:
        person, account = made.people[row["identifier"]], made.accounts[row["account"]]
        assert person["category"] == "registered"
        assert department(person["commune"]) == account["segment"]
        assert account["role"] in {"adviser", "partner"}
        assert person["registered_on"] <= row["from"] < AS_OF.isoformat()
        assert (row["relation"], row["until"]) == ("caseload", "")


def test_nearly_everybody_registered_is_followed(made: Made) -> None:
    """But for newcomers and those for whom there is no room."""
    registered = sum(person["category"] == "registered" for person in made.people.values())
    assert 0.9 < len(made.caseload) / registered < 1


def test_partners_follow_those_who_need_it(made: Made) -> None:
    """Who has an adapted follow-up is a partner's where the department has an office, and nobody else is."""
    with_office = {a["segment"] for a in made.accounts.values() if a["role"] == "partner"}
    for row in made.caseload:
        account = made.accounts[row["account"]]
        theirs = made.people[row["identifier"]]["adapted_follow_up"] == "yes" and account["segment"] in with_office
        assert theirs == (account["role"] == "partner")
    assert sum(sizes(made, "partner")) > 1_000


def test_caseloads_have_the_sizes_of_their_kind(made: Made) -> None:
    """Around 92, 224 and 432, one of 1,125, none larger."""
    found = np.array([size for size in sizes(made, "adviser") if size])  # the last of an agency may have nobody
    assert found.max() == synthetic_staff.OUTLIER
    for size in (92, 224, 432):
        near = found[np.abs(np.log(found / size)) < 0.33]
        assert len(near) > 0.07 * len(found)
        assert np.median(near) == pytest.approx(size, rel=0.12)
    assert np.mean((found > 115) & (found < 150)) < 0.06  # between kinds there are few
    assert 85 < np.median(sizes(made, "partner")) < 99
    assert max(sizes(made, "partner")) < 150


def test_the_whole_country_has_the_figures_of_the_case() -> None:
    """43 million people have about 900 agencies, 98 partner bodies, 56,000 accounts and 37,000 advisers."""
    staff = synthetic_staff.workforce(43_000_000, 0, Tables(None))
    ours = [agency for agency in staff.agencies if agency.organisation == synthetic_staff.SERVICE]
    assert len(ours) - 1 == pytest.approx(900, rel=0.02)
    assert len({agency.organisation for agency in staff.agencies}) - 1 == 98
    service = {number for number, agency in enumerate(staff.agencies) if agency.organisation == synthetic_staff.SERVICE}
    accounts = [worker for worker in staff.workers if worker.agency in service]
    assert len(accounts) == pytest.approx(56_000, rel=0.05)
    assert sum(worker.role == "adviser" for worker in accounts) == pytest.approx(37_000, rel=0.05)
    most = [size for agency in staff.agencies for size in agency.advisers]
    assert max(most) == synthetic_staff.OUTLIER
    assert 0.001 < sum(size > 600 for size in most) / len(most) < 0.02


def test_a_staff_grows_with_the_people() -> None:
    """Ten times the people have about ten times the accounts; departments with people have an agency, others none."""
    small, large = (synthetic_staff.workforce(count, 0, Tables(None)) for count in (1_000_000, 10_000_000))
    assert len(large.workers) == pytest.approx(10 * len(small.workers), rel=0.15)
    few = synthetic_staff.workforce(1_000, 0, Tables(DEPARTMENTS))
    assert {agency.segment for agency in few.agencies} == set(DEPARTMENTS)


def test_interactions_are_of_followed_people_with_their_agency(made: Made) -> None:
    """Each is with who follows the person or a colleague of the same agency, on a day after that began."""
    follows = {row["identifier"]: row for row in made.caseload}
    with_adviser = 0
    for row in made.interactions:
        relation = follows[row["identifier"]]
        account, adviser = made.accounts[row["account"]], made.accounts[relation["account"]]
        if row["account"] == relation["account"]:
            with_adviser += 1
        else:
            assert account["agency"] == adviser["agency"]
            assert account["role"] in {"reception", "benefits"}
        assert relation["from"] < row["from"][:10]
    assert 0.7 < with_adviser / len(made.interactions) < 0.9
    assert len({row["interaction"] for row in made.interactions}) == len(made.interactions)


def test_interactions_are_a_year_in_its_order(made: Made) -> None:
    """From a year before the day of the file to that day; each ends after it began, within 24 hours."""
    begins = [row["from"] for row in made.interactions]
    assert [text[:16] for text in begins] == sorted(text[:16] for text in begins)
    assert begins[0][:10] == "2025-11-23"
    assert begins[-1][:10] == "2026-11-22"
    for row in made.interactions[::7]:
        lasts = datetime.fromisoformat(row["until"]) - datetime.fromisoformat(row["from"])
        assert timedelta(0) < lasts <= timedelta(hours=24)
    assert {row["kind"] for row in made.interactions} == {"appointments", "space", "telephone"}


def test_interactions_follow_the_week_and_the_clock(made: Made) -> None:
    """Nobody meets or calls at a weekend or at night; Mondays ring most; messages come in the evening too."""
    days: dict[str, Counter[int]] = defaultdict(Counter)
    hours: dict[str, Counter[int]] = defaultdict(Counter)
    for row in made.interactions:
        begun = datetime.fromisoformat(row["from"])
        days[row["kind"]][begun.weekday()] += 1
        hours[row["kind"]][begun.hour] += 1
    for kind in ("appointments", "telephone"):
        assert set(days[kind]) == {0, 1, 2, 3, 4}
        assert min(hours[kind]) >= 8
        assert max(hours[kind]) <= 18
        assert hours[kind][10] > 2 * hours[kind][12]
    assert days["telephone"].most_common(1)[0][0] == 0
    assert 0.05 < (days["space"][5] + days["space"][6]) / days["space"].total() < 0.25
    assert sum(hours["space"][hour] for hour in range(18, 24)) > 0.15 * hours["space"].total()


def test_interactions_know_holidays_and_month_ends(made: Made) -> None:
    """No appointment on a public holiday; more messages and calls at the end of a month than in the middle."""
    appointments = Counter(row["from"][:10] for row in made.interactions if row["kind"] == "appointments")
    closed = {day.isoformat() for year in (2025, 2026) for day in holidays(year)}
    assert not closed & appointments.keys()
    others = [row["from"][:10] for row in made.interactions if row["kind"] != "appointments"]
    begun = date(2025, 11, 23)
    of_days = Counter((begun + timedelta(days=n)).day for n in range(365))
    by_day = Counter(int(day[8:]) for day in others)
    end, middle = (
        np.mean([by_day[day] / of_days[day] for day in days]) for days in ((28, 29, 30, 1, 2, 3), range(11, 25))
    )
    assert end > 1.25 * middle


def test_an_account_has_one_appointment_at_a_time(made: Made) -> None:
    """Nobody is booked twice for the same time."""
    begins = Counter((row["account"], row["from"]) for row in made.interactions if row["kind"] == "appointments")
    assert max(begins.values()) == 1


def test_small_caseloads_meet_their_people_more_often(made: Made) -> None:
    """Who is followed with 92 others is met several times as often as who is followed with 432."""
    size = Counter(row["account"] for row in made.caseload)
    met = Counter(row["account"] for row in made.interactions)
    small, large = (
        np.mean([met[a] / n for a, n in size.items() if low < n < high]) for low, high in ((70, 120), (350, 500))
    )
    assert small > 2.5 * large


def test_interactions_come_as_parquet_beside_people_as_parquet(tmp_path: Path) -> None:
    """The same rows, all texts."""
    for suffix in ("csv", "parquet"):
        synthetic.write(tmp_path / f"p.{suffix}", 3_000, seed=2, as_of=AS_OF, staff=tmp_path / suffix)
    found = pq.read_table(tmp_path / "parquet" / "interactions.parquet")
    assert found.to_pylist() == rows_of(tmp_path / "csv" / "interactions.csv")
    assert (tmp_path / "parquet" / "caseload.csv").read_bytes() == (tmp_path / "csv" / "caseload.csv").read_bytes()


@pytest.mark.parametrize("count", [0, 1, 60])
def test_few_people_have_a_staff_too(tmp_path: Path, count: int) -> None:
    """Files with a header at least, and nothing left behind."""
    synthetic.write(tmp_path / "p.csv", count, as_of=AS_OF, staff=tmp_path / "staff")
    assert len(list((tmp_path / "staff").iterdir())) == 5
    assert len(rows_of(tmp_path / "staff" / "caseload.csv")) <= count


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))],
)
def test_easter_is_where_the_calendar_has_it(year: int, day: date) -> None:
    """In March, in April, on the last day it can be."""
    assert easter(year) == day


def test_clocks_are_turned_on_the_last_sundays_of_march_and_october() -> None:
    """Summer time from 29 March to 24 October 2026."""
    days = ["2026-03-28", "2026-03-29", "2026-07-01", "2026-10-24", "2026-10-25"]
    assert offsets(np.array(days, dtype="datetime64[D]")) == ["+01:00", "+02:00", "+02:00", "+02:00", "+01:00"]


def test_shares_of_days_end_at_one() -> None:
    """Added up over a year, for each kind, never falling."""
    shares = day_shares(np.arange("2026-01-01", "2027-01-01", dtype="datetime64[D]"))
    assert shares[:, -1].tolist() == [1, 1, 1]
    assert (np.diff(shares, axis=1) >= 0).all()


def test_appointments_move_to_the_next_free_slot() -> None:
    """Of one account on one day only: others keep theirs."""
    account, day = np.array([1, 1, 1, 2, 1]), np.array([0, 0, 0, 0, 1])
    begins = np.array([540, 540, 570, 540, 540])
    assert without_overlap(account, day, begins).tolist() == [540, 570, 600, 540, 540]
