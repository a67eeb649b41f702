"""A thief with the operator's login, or an operator who wants more: what gives rights waits for two officers."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from support.database import Database
from support.signing import Member, accounts, body, member, newcomer, only, sign

from cloison.access import acts, operating
from cloison.access.acts import Act, ActKind
from cloison.access.operating import Named
from cloison.access.staff_files import import_staff, read_staff, stage
from cloison.errors import ActImpossibleError, UnknownActError

pytest_plugins = ["support.signing_fixtures"]

ASK = "select cloison.operator_ask_v1(%s, %s, %s, %s, %s, %s)"
STAGE = "select cloison.operator_stage_v1(%s, %s, %s)"
FORBIDDEN = (
    "select cloison.do_act_v1(a) from cloison.act a",
    "select cloison.do_operated_v1(null)",
    "select cloison.create_account_v1('59', 'x', null, 'a', 'adviser')",
    "select cloison.unfreeze_v1('59', null)",
    "select cloison.agree_v1(null, null, null, null, null, null)",
    "select cloison.create_feed_v1('x', 'space', null, null)",
    "select cloison.lift_by_owner_v1(null)",
    "select cloison.set_limit_v1('account_day', 9, null)",
    "select cloison.set_holder_v1('59', null, '{}', '{}')",
    "select cloison.import_line_v1('[]')",
    "select cloison.sign_act_v1('00', null, null, null, null, null, null, null)",
    "select cloison.hand_over_v1('00', null, '59', 'x', null)",
    "insert into cloison.act_signature default values",
    "update cloison.act set state = 'done'",
    "update cloison.account set role = 1",
    "insert into cloison.staged_staff default values",
    "update cloison.staged_staff set line = ''",
    "select * from cloison.person",
    "select * from cloison.locator",
    "select * from cloison.entry",
    "select * from cloison.session",
    "delete from cloison.account_freeze",
)


@pytest.fixture
def operator(shared: Database) -> Iterator[psycopg.Connection]:
    """A connection of the operator's."""
    body(shared, "Service")
    with shared.connect("operator") as connection:
        yield connection


@pytest.fixture
def officers(shared: Database) -> tuple[Member, Member]:
    """Two people who may sign."""
    return member(shared), member(shared)


def asked(operator: psycopg.Connection, **details: object) -> UUID:
    """An account that is asked for; the act's number."""
    about = operating.service(operator)
    return operating.ask(operator, ActKind.ACCOUNT_CREATE, about, {**newcomer(), **details}).act


def forged(operator: psycopg.Connection, kind: str, organisation: UUID, details: dict[str, Any], told: Any) -> None:  # noqa: ANN401
    """Ask for an act whose bytes say `details`, and tell the database `told` of it."""
    about = Named(organisation)
    now = operator.execute("select now()").fetchone()
    assert now is not None
    act = Act(
        act=uuid4(), kind=ActKind(kind), asked_by=None, organisation=about.organisation, details=details,
        asked_at=now[0], expires_at=now[0] + operating.LIVES,
    )  # fmt: skip
    operator.execute(ASK, (act.act, kind, acts.canonical(act), Jsonb(told), organisation, act.expires_at))


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_operators_login_may_not(operator: psycopg.Connection, statement: str) -> None:
    """It does no act, signs none, gives no right by hand, and reads nobody."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        operator.execute(statement.encode())


def test_the_operator_completes_nothing_alone(
    shared: Database, operator: psycopg.Connection, login: psycopg.Connection, officers: tuple[Member, Member]
) -> None:
    """One officer, twice, is not two; the second one completes it, and asking again for the same is refused."""
    one, two = officers
    act = asked(operator, handle="newone")
    assert [sign(login, one, act), sign(login, one, act)] == ["waiting", "scope"]
    assert accounts(shared, "newone") == 0
    assert sign(login, two, act) == "done"
    assert accounts(shared, "newone") == 1
    with pytest.raises(ActImpossibleError):
        asked(operator, handle="newone")


def test_what_is_told_is_what_is_signed(operator: psycopg.Connection, officers: tuple[Member, Member]) -> None:
    """Bytes that show an adviser while the database is told of an officer are refused; so are kinds of others."""
    shown = newcomer(role="adviser")
    with pytest.raises(psycopg.DatabaseError) as raised:
        forged(operator, "account.create", officers[0].organisation, shown, {**shown, "role": "officer"})
    assert raised.value.sqlstate == "CL022"
    campaign = {"agency": "a", "segment": "59", "days": 1, "people": 1, "reason": ""}
    with pytest.raises(psycopg.DatabaseError) as raised:
        forged(operator, "grant.campaign", officers[0].organisation, campaign, campaign)
    assert raised.value.sqlstate == "CL021"


def test_a_frozen_officers_signature_completes_nothing(
    shared: Database, operator: psycopg.Connection, login: psycopg.Connection, officers: tuple[Member, Member]
) -> None:
    """Who signed and was frozen since does not count: the act is settled for good."""
    one, two = officers
    act = asked(operator, handle="voided")
    assert sign(login, one, act) == "waiting"
    shared.one("select cloison.freeze_v1(%s, %s)", one.segment, one.account)
    assert sign(login, two, act) == "settled"
    assert accounts(shared, "voided") == 0


def test_nobody_signs_about_themselves(
    shared: Database, operator: psycopg.Connection, login: psycopg.Connection, officers: tuple[Member, Member]
) -> None:
    """An officer who talks the operator into their own elevation, or a new account of theirs, is not one of the two."""
    one, two = officers
    details = {"handle": one.handle, "role": "officer"}
    act = operating.ask(operator, ActKind.ACCOUNT_ELEVATE, operating.account(operator, one.handle), details).act
    assert [sign(login, one, act), sign(login, two, act)] == ["scope", "waiting"]
    act = asked(operator, handle="second", holder=one.handle)
    assert sign(login, one, act) == "scope"
    assert accounts(shared, "second") == 0


def test_staged_rows_stay_as_they_were_signed(
    shared: Database,
    operator: psycopg.Connection,
    login: psycopg.Connection,
    officers: tuple[Member, Member],
    tmp_path: Any,  # noqa: ANN401 - pytest's
) -> None:
    """Rows do not change once they were asked for; other figures are refused; unsigned, none comes in."""
    (tmp_path / "accounts.csv").write_text(
        "handle,organisation,agency,segment,role\nstaged,Service,lille,59,adviser\n", encoding="utf-8"
    )
    number, about = uuid4(), operating.service(operator)
    said = stage(operator, read_staff(tmp_path), number)
    other = '["account","evil","Service","lille","59","officer",2]'
    with pytest.raises(psycopg.DatabaseError, match="not the lines"):
        operating.ask(operator, ActKind.STAFF_IMPORT, about, {**said, "roles": {"reception": 1}, "reason": ""}, number)
    operating.ask(operator, ActKind.STAFF_IMPORT, about, {**said, "reason": ""}, number)
    for first in (0, 1):
        with pytest.raises(psycopg.DatabaseError) as raised:
            operator.execute(STAGE, (number, first, [other]))
        assert raised.value.sqlstate == "CL021"
    with pytest.raises(UnknownActError):
        import_staff(operator, number)
    with pytest.raises(psycopg.DatabaseError):
        operator.execute("select cloison.operator_import_v1(%s, 0, 10)", (number,))
    assert [sign(login, who, number) for who in officers] == ["waiting", "done"]
    shared.owner.execute("update cloison.staged_staff set line = %s where act = %s", (other, number))
    late = "update cloison.act set settled_at = settled_at - interval '73 hours' where act = %s"
    shared.owner.execute(late, (number,))
    with pytest.raises(psycopg.DatabaseError):  # too late
        operator.execute("select cloison.operator_import_v1(%s, 0, 10)", (number,))
    assert accounts(shared, "staged") == 0


def test_holders_are_only_added(shared: Database, operator: psycopg.Connection) -> None:
    """The operator may say whose record a holder's is, and never unsay it alone."""
    who = member(shared)
    for term in (4711, 4712):
        assert only(operator, "select cloison.operator_hold_v1(%s, '{0}', %s)", who.handle, [term])
    count = "select count(*) from cloison.account_holder where account = %s"
    assert shared.one(count, who.account) == 2
