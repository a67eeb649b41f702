"""`cloison blast-radius` as an operator uses it: table, JSON, chart, what-if, and words for what is not there."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.operated import OperatedHome, rows_of
from support.transcript import play

import cloison
from cloison.access import accounts as staff
from cloison.access import agreements, organisations
from cloison.access.agreements import Caps, Terms
from cloison.register import synthetic
from cloison.store.pools import connect

PEOPLE = 120
CASELOADS = {"anna": 20, "pia": 30, "paul": 30, "cold": 10, "later": 4}
WINDOWS = ("minutes5", "hour", "day", "days28")


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with people, caseloads and agreements, in which nothing is served and no keeper runs."""
    operated = OperatedHome(tmp_path_factory.mktemp("radius"))
    operated.initialise()
    people = operated.folder / "people.csv"
    synthetic.write(people, PEOPLE, seed=7, departments=["59"])
    operated.do("people", "import", str(people))
    rows = [row for row in rows_of(people) if row["commune"].startswith("59")]
    _hire(operated)
    _follow(operated, rows)
    yield operated
    operated.stop()


def _hire(operated: OperatedHome) -> None:
    """Three organisations, one with a cap and one whose agreement has ended, and their accounts, one of them frozen."""
    with connect(operated.home, "owner") as owner:
        partner = organisations.create_organisation(owner, "Partner", Terms(caps=Caps(hour=25, day=25)))
        ended = organisations.create_organisation(owner, "Ended")
        organisations.create_organisation(owner, "Service")
        for handle, organisation, role in (
            *(("anna", "Service", "adviser"), ("cold", "Service", "adviser"), ("boss", "Service", "manager")),
            *(("pia", partner.name, "partner"), ("paul", partner.name, "partner"), ("eve", ended.name, "adviser")),
            ("later", "Service", "partner"),
        ):
            staff.create_account(owner, staff.Account(staff.NOBODY, handle, "59", organisation, "lille", role))
        owner.execute("select cloison.freeze_v1(segment, account) from cloison.account where handle = 'cold'")
        agreements.end(owner, ended.organisation, ended.name)


def _follow(operated: OperatedHome, rows: list[dict[str, str]]) -> None:
    path = operated.folder / "caseload.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["account", "identifier", "from"])
        for handle, people in CASELOADS.items():
            begins = "2099-01-01" if handle == "later" else ""
            writer.writerows([handle, row["identifier"], begins] for row in rows[:people])
    assert operated.do("caseload", "import", str(path))["written"] == sum(CASELOADS.values())


def radius(operated: OperatedHome, *words: str) -> dict[str, Any]:
    """The JSON of the command; the accounts by handle."""
    found = operated.do("blast-radius", *words)
    return {**found, "by_handle": {each["account"]: each for each in found["accounts"]}}


def each(numbers: dict[str, int]) -> tuple[int, ...]:
    """The numbers, shortest window first."""
    return tuple(numbers[window] for window in WINDOWS)


def test_every_account_and_organisation(operated: OperatedHome) -> None:
    """Whom an account follows, what its role may meet at the counter, and nobody where it is frozen or not agreed."""
    found = radius(operated)
    accounts = found["by_handle"]
    assert len(found["accounts"]) == 9  # two officers among them
    assert each(accounts["anna"]) == (37, 73, 180, 1080)
    assert each(accounts["anna"]["by_compartment"]["nir"]) == (11, 23, 30, 80)
    assert each(accounts["anna"]["by_relation"]["caseload"]) == (20, 20, 20, 20)
    assert accounts["anna"]["organisation"] == "Service"
    assert {handle: accounts[handle]["why"] for handle in ("cold", "eve", "boss", "anna", "later")} == {
        "cold": "frozen",
        "eve": "no_agreement",
        "boss": "role_opens_nobody",
        "anna": None,
        "later": None,
    }
    assert {each(accounts[handle]) for handle in ("cold", "eve", "boss", "later")} == {(0, 0, 0, 0)}
    days = [account["day"] for account in found["accounts"]]
    assert days == sorted(days, reverse=True)


def test_organisation_with_a_cap(operated: OperatedHome) -> None:
    """A cap bounds what all accounts open together; what lists and cards name comes beside."""
    (partner,) = radius(operated, "--organisation", "Partner")["organisations"]
    assert partner["cap"] == {"minutes5": None, "hour": 25, "day": 25, "days28": None}
    assert each(partner["opened"]) == (12, 25, 25, 60)
    assert each(partner["by_compartment"]["identity"]) == (12, 25, 25, 60)
    assert partner["accounts"] == 2
    assert each(partner) == (60, 60, 60, 60)


def test_captured_desk(operated: OperatedHome) -> None:
    """The sessions alive now make the desk's number; without one it could be released nobody."""
    assert radius(operated)["captured_desk"]["hour"] == 0
    operated.session("anna", 3_000)
    desk = radius(operated)["captured_desk"]
    assert (desk["sessions"], desk["accounts"]) == (1, 1)
    assert each(desk) == (37, 73, 73, 73)
    operated.do("accounts", "sign-out", "anna")
    assert each(radius(operated)["captured_desk"]) == (0, 0, 0, 0)


def test_what_lowering_would_change(operated: OperatedHome) -> None:
    """A budget, a caseload and a role that are lowered are shown before and after, in the table and as JSON."""
    words = ("--if", "adviser.search.hour=10", "--if", "anna.caseload=5")
    found = radius(operated, "--account", "anna", *words)
    (after,) = found["if"]["accounts"]
    assert found["accounts"][0]["hour"] == 73
    assert after["hour"] == 18
    assert found["if"]["changes"] == ["adviser.search.hour=10", "anna.caseload=5"]
    table = operated.run("blast-radius", "--account", "anna", "--if", "anna.role=partner").out
    assert re.search(r"anna .* adviser → partner .* 73 → 20 ", table), table


def test_chart(operated: OperatedHome) -> None:
    """The chart is an SVG with the handles of the accounts and nobody's data; another ending is wrong use."""
    path = operated.folder / "radius.svg"
    operated.do("blast-radius", "--chart", str(path), "--top", "3")
    drawn = path.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "anna" in drawn
    assert "boss" not in drawn
    assert operated.run("blast-radius", "--chart", "radius.png").status == 2


def test_what_is_not_there(operated: OperatedHome) -> None:
    """An unknown account or organisation ends with 1 and says where to look, a change that cannot be read with 2."""
    play(
        operated,
        """
        $ cloison blast-radius --account nobody
        ! unknown_account: There is no account nobody; `cloison accounts list` shows them.
        [1]
        $ cloison blast-radius --organisation Nowhere
        ! unknown_organisation: There is no organisation Nowhere; `cloison organisations list` shows them.
        [1]
        $ cloison blast-radius --if nobody.caseload=3
        ! unknown_account: There is no account nobody; `cloison accounts list` shows them.
        [1]
        """,
    )
    wrong = operated.run("blast-radius", "--if", "adviser.open.week=3")
    assert wrong.status == 2
    assert "minutes5" in wrong.err
    assert operated.run("blast-radius", "--top", "0").status == 2


def test_table(operated: OperatedHome) -> None:
    """The table ranks accounts, gives organisations and the desk, and says why somebody is released nobody."""
    play(
        operated,
        """
        $ cloison blast-radius --top 2
        …
        │ anna          │ Service      │ adviser │        37 │   73 │ 180 │   1,080 │              30 │              640 │
        …
        │ … 7 more      │              │         │           │      │     │         │                 │                  │
        …
        │ captured desk │ 0 sessions   │         │         0 │    0 │   0 │       0 │               0 │                0 │
        …
        ! The most distinct people …
        """,  # noqa: E501 - a line of the transcript is a line of the terminal
    )
    assert "frozen" in operated.run("blast-radius", "--account", "cold").out


def test_charts_are_drawn_by_commands_alone() -> None:
    """What draws is 30 MB of a browser's engine: no door, no service and no other module imports it."""
    source = Path(cloison.__file__).parent
    users = [path.relative_to(source) for path in source.rglob("*.py") if "vl_convert" in path.read_text("utf-8")]
    assert {path.parts[0] for path in users} == {"bench", "cli"}
