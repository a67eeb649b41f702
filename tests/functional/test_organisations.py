"""Organisations and their agreements by the command line: made, shown, replaced, ended, and kept to."""

from collections.abc import Iterator

import pytest
from support.operated import OperatedHome
from support.operated_acts import signed
from support.transcript import play

OPTIONS = (
    *("--segments", "59,62", "--roles", "partner", "--ends", "2099-06-30", "--accounts", "2"),
    *("--cap-hour", "40", "--cap-day", "100", "--cap-28-days", "1000", "--cap-5-minutes", "15"),
    *("--agency", "lille:59", "--agency", "arras:62"),
)


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with a database, in which nothing is served."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    yield operated
    operated.stop()


def test_agreement_without_limits(operated: OperatedHome) -> None:
    """An organisation created without a word more may have any account: that takes three people and a day."""
    asked = signed(operated, "organisations", "create", "Agence")
    assert (asked["people_needed"], asked["not_before"] > asked["asked_at"]) == (3, True)
    terms = operated.do("organisations", "show", "Agence")["agreement"]["terms"]
    assert terms == {"segments": None, "roles": None, "ends_at": None, "accounts_most": None, "caps": NO_CAPS}
    for number, role in enumerate(("adviser", "reception", "manager")):
        where = ("--organisation", "Agence", "--segment", "2A", "--role", role)
        signed(operated, "accounts", "create", f"a{number}", *where)


NO_CAPS = {"minutes_5": None, "hour": None, "day": None, "days_28": None}


def test_agreement_with_every_limit(operated: OperatedHome) -> None:
    """What was agreed on is shown as it was given, and listed."""
    asked = signed(operated, "organisations", "create", "Mission", *OPTIONS)
    assert (asked["people_needed"], asked["adds"]) == (2, 100)
    made = operated.do("organisations", "show", "Mission")
    terms = made["agreement"]["terms"]
    assert (terms["segments"], terms["roles"], terms["accounts_most"]) == (["59", "62"], ["partner"], 2)
    assert terms["caps"] == {"minutes_5": 15, "hour": 40, "day": 100, "days_28": 1000}
    assert terms["ends_at"].startswith(("2099-06-30T", "2099-07-01T"))
    assert made["agencies"] == [{"name": "arras", "segment": "62"}, {"name": "lille", "segment": "59"}]
    assert made in operated.do("organisations", "list")["organisations"]


def test_accounts_beside_the_agreement(operated: OperatedHome) -> None:
    """A role, a segment, an agency or a number that the agreement does not give is refused, with its reason."""
    signed(operated, "organisations", "create", "Narrow", *OPTIONS)
    play(
        operated,
        """
        $ cloison accounts create n1 --organisation Narrow --segment 59 --role adviser --agency lille
        ! act_impossible: The act cannot be done: the role is not one of the agreement. Nothing was signed.
        [1]
        $ cloison accounts create n1 --organisation Narrow --segment 75 --role partner --agency lille
        ! act_impossible: The act cannot be done: the segment is not one of the agreement. Nothing was signed.
        [1]
        $ cloison accounts create n1 --organisation Narrow --segment 59 --role partner --agency lens
        ! act_impossible: The act cannot be done: the agency is not one of the organisation's. Nothing was signed.
        [1]
        """,
    )
    for handle, where in (
        ("n1", ("--segment", "59", "--agency", "lille")),
        ("n2", ("--segment", "62", "--agency", "arras")),
    ):
        signed(operated, "accounts", "create", handle, "--organisation", "Narrow", "--role", "partner", *where)
    play(
        operated,
        """
        $ cloison accounts create n3 --organisation Narrow --segment 62 --role partner --agency arras
        ! act_impossible: The act cannot be done: there are as many accounts as the agreement gives. Nothing was signed.
        [1]
        """,
    )


def test_agreement_made_anew_and_ended(operated: OperatedHome) -> None:
    """A new agreement takes the former's place as a whole; an ended one lets no account be made; both are logged."""
    signed(operated, "organisations", "create", "Changing", "--cap-hour", "3", "--segments", "59")
    signed(operated, "organisations", "agree", "Changing", "--roles", "partner")
    play(
        operated,
        """
        $ cloison organisations create Changing --cap-hour 9
        ! act_impossible: The act cannot be done: the name is taken. Nothing was signed.
        [1]
        $ cloison organisations show Changing
        Changing: …
        agreement from …, without end
        segments: all; roles: partner
        accounts: any number
        account-person pairs: no cap
        $ cloison organisations agree Changing --ends 2001-01-01
        ! act_impossible: The act cannot be done: the agreement would have ended already. Nothing was signed.
        [1]
        $ cloison organisations agree Changing --roles king
        ! act_impossible: The act cannot be done: there is no such account, role or organisation. Nothing was signed.
        [1]
        $ cloison organisations end Changing
        Changing: …
        no agreement stands: its accounts open nobody
        $ cloison organisations end Changing
        ! agreement: The agreement with Changing does not allow this: none stands that could be ended. See `cloison organisations show`.
        [1]
        $ cloison accounts create c1 --organisation Changing --segment 59 --role partner
        ! act_impossible: The act cannot be done: no agreement with the organisation is in force. Nothing was signed.
        [1]
        $ cloison organisations show Nowhere
        ! unknown_organisation: There is no organisation Nowhere; `cloison organisations list` shows them.
        [1]
        """,  # noqa: E501 - as above
    )
    number = operated.do("organisations", "show", "Changing")["organisation"]
    with operated.superuser() as database:
        rows = database.execute(
            "select event::text from cloison.entry where subject = %s and segment = '59' order by number", (number,)
        ).fetchall()
    assert [row[0] for row in rows] == ["agreement_made", "agreement_ended", "agreement_made", "agreement_ended"]


def test_wrong_use(operated: OperatedHome) -> None:
    """What cannot be understood ends with 2, what cannot be stored with 1."""
    assert operated.run("organisations", "create", "Wrong", "--agency", "lille").status == 2
    assert operated.run("organisations", "create", "Wrong", "--ends", "tomorrow").status == 2
    assert operated.run("organisations", "create", "Wrong", "--cap-hour", "-1").status == 2
    assert operated.run("organisations", "create", "Wrong", "--agency", "lille:No such segment").status == 1
    assert operated.run("organisations", "create", "Wrong", "--segments", "59,No such segment").status == 1
    assert operated.run("organisations", "show", "Wrong").status == 1
