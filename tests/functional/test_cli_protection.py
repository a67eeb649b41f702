"""Protection, own records and alerts by the command line; a number is read from a file, never from the command line."""

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from support.operated import OperatedHome, served
from support.operated_acts import signed
from support.transcript import play

from cloison.client import Client, Credentials
from cloison.client.wire import PersonRequest
from cloison.register import synthetic
from cloison.store.pools import connect

SEGMENT = "59"


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with people of one department and two advisers, of whom `anna` follows the first three."""
    operated = OperatedHome(tmp_path_factory.mktemp("protected"))
    operated.initialise()
    signed(operated, "organisations", "create", "Agence")
    for handle in ("anna", "ben"):
        signed(operated, "accounts", "create", handle, "--organisation", "Agence", "--segment", SEGMENT)
    synthetic.write(operated.folder / "people.csv", 20, seed=11, departments=[SEGMENT])
    operated.do("people", "import", operated.folder / "people.csv")
    lines = [f"anna,{row['identifier']}" for row in people(operated)[:3]]
    (operated.folder / "caseload.csv").write_text("\n".join(["account,identifier", *lines]), encoding="utf-8")
    operated.do("caseload", "import", operated.folder / "caseload.csv")
    yield operated
    operated.stop()


def people(operated: OperatedHome) -> list[dict[str, str]]:
    """The rows of the people's file."""
    with (operated.folder / "people.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number_file(operated: OperatedHome, text: str) -> Path:
    """A file with a number."""
    path = operated.folder / "number"
    path.write_text(text, encoding="utf-8")
    return path


async def outcomes(operated: OperatedHome, held: Credentials, wanted: list[str]) -> list[str]:
    """What becomes of opening these people."""
    requests = [
        PersonRequest(request=uuid4(), person=person, compartments=["identity"], purpose="follow_up")  # type: ignore[arg-type]
        for person in wanted
    ]
    async with Client(operated.url, held) as desk:
        return [str(opened.outcome) for opened in await desk.open(requests)]


async def test_protected_own_and_alerted(operated: OperatedHome) -> None:
    """Who was protected by a number is opened by the audience alone, alerted each time; the holder's own by nobody."""
    first, second, third = people(operated)[:3]
    made = operated.do("protection", "set", "--file", number_file(operated, first["identifier"]), "--audience", "anna")
    other = operated.do("protection", "set", "--by", "nir", "--file", number_file(operated, second["nir"]))
    held = operated.do(
        "accounts", "holder", "anna", "--file", number_file(operated, f"identifier\n{third['identifier']}")
    )
    assert held == {"account": "anna", "numbers": 1}
    held = await asyncio.to_thread(operated.session, "anna")
    with served(operated):
        async with Client(operated.url, held) as desk:
            cards = (await desk.caseload(whole=True)).cards
        assert [str(card.person) for card in cards] == [made["person"]]
        assert await outcomes(operated, held, [made["person"], other["person"]]) == ["open", "scope"]
    (alert,) = operated.do("alerts")["alerts"]
    assert (alert["kind"], alert["account"], alert["organisation"]) == ("protected_opened", "anna", "Agence")
    assert (alert["person"], alert["segment"]) == (made["person"], SEGMENT)
    assert operated.do("alerts", "--since", "2099-01-01") == {"alerts": []}
    listed = operated.do("protection", "list")["protections"]
    assert [(one["person"], one["audience"]) for one in listed] == [(made["person"], ["anna"]), (other["person"], [])]
    signed(operated, "protection", "lift", other["protection"], "--reason", "it is over")
    assert len(operated.do("protection", "list")["protections"]) == 1
    signed(operated, "accounts", "holder", "anna", "--clear", "another person has the account's number")
    with connect(operated.home, "owner") as owner:
        assert owner.execute("select count(*) from cloison.account_holder").fetchone() == (0,)


def test_refused(operated: OperatedHome) -> None:
    """What cannot be is refused by name, with exit code 1 or 2, and no number is ever repeated."""
    play(
        operated,
        """
        $ cloison protection set --person 7d0a6d3e-0000-4000-8000-000000000001 --segment 59 --audience nobody
        ! unknown_account: There is no account nobody; …
        [1]
        $ cloison protection lift 7d0a6d3e-0000-4000-8000-000000000001 --reason over
        ! act_impossible: The act cannot be done: no such protection stands. Nothing was signed.
        [1]
        $ cloison accounts holder nobody --clear mistaken
        ! unknown_account: There is no account nobody; …
        [1]
        """,
    )
    for text, told in (
        ("98765432109", "nobody in the register"),
        ("12", "identifier"),
        ("a,b\n1,2", "columns"),
        ("", "one value"),
    ):
        done = operated.run("protection", "set", "--file", number_file(operated, text))
        assert (done.status, told in done.err) == (1, True), done
        assert text not in done.err or not text
    assert operated.run("protection", "set", "--person", str(uuid4())).status == 2
    assert operated.run("protection", "set").status == 1  # nobody at the terminal
    assert (
        operated.run("protection", "set", "--person", str(uuid4()), "--segment", "59", "--until", "2020-01-01").status
        == 1
    )


def test_member_until_a_day(operated: OperatedHome) -> None:
    """An account may be in the audience until a day; who was, is not listed any more."""
    words = ("--person", str(uuid4()), "--segment", SEGMENT)
    made = operated.do("protection", "set", *words, "--audience", "anna=2020-01-01", "--audience", "ben=2099-01-01")
    (one,) = [p for p in operated.do("protection", "list")["protections"] if p["protection"] == made["protection"]]
    assert (
        made["protection"] in operated.run("protection", "list").out
    )  # whole on a narrow terminal: it is what lifts it
    assert one["audience"] == ["ben"]
    assert operated.run("protection", "set", *words, "--audience", "anna=tomorrow").status == 2
