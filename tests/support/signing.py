"""People who signed in at the sign-in door, as its database login has them: for attacks on acts, invitations, passkeys.

A passkey here is a row; what it signs is not looked at by the database, which leaves that to the door. Over HTTP, with
passkeys that sign: `staffed.py`.
"""

import hashlib
import itertools
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from cloison.access import acts
from cloison.access.acts import Act, ActKind, Who
from cloison.access.organisations import create_organisation
from support.database import Database

SERVICE, PARTNER, NOWHERE = "Service", "Partner", "00"
AAGUID = UUID(int=7)
ASSERTION = (b"data", b"client", b"signature")
START = "select cloison.start_session_v1(%s, %s, %s, %s::cloison.door, %s, %s, %s, %s, 60, sha256('device'))"
ASK = "select cloison.ask_act_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
SIGN = "select cloison.sign_act_v1(%s, %s, %s, %s, %s, %s, %s, %s)"
TOUCHED = "select cloison.touched_v1(%s, %s, %s, %s, %s, %s, 300)"
HAND_OVER = "select cloison.hand_over_v1(%s, %s, %s, %s, %s)"
REDEEM = "select cloison.redeem_v1(%s, %s, %s, 600, %s, %s, 0, %s, false)"
REFUSE = "select cloison.refuse_act_v1(%s, %s, %s)"
TEND = "select cloison.tend_accounts_v1(%s, %s, %s, %s, %s)"
_numbers = itertools.count(1)


class Member(NamedTuple):
    """Somebody with a session of the sign-in door; `organisation` is its number."""

    segment: str
    account: UUID
    handle: str
    organisation: UUID
    factor: UUID
    public_key: bytes
    token: bytes

    @property
    def bearer(self) -> tuple[str, bytes]:
        """What the door shows for them."""
        return self.segment, self.token


def body(database: Database, name: str) -> UUID:
    """The organisation of that name, with an agreement without limits; the one called Service is the service."""
    found = create_organisation(database.owner, name).organisation
    if name == SERVICE:
        database.owner.execute("update cloison.organisation set service = true where organisation = %s", (found,))
    return found


def member(
    database: Database,
    role: str = "officer",
    organisation: str = SERVICE,
    segment: str = NOWHERE,
    holder: str | None = None,
) -> Member:
    """A new account, its passkey, no longer in quarantine, and its session of the sign-in door."""
    where, handle = body(database, organisation), f"member{next(_numbers)}"
    account = database.one(
        "select cloison.create_account_v1(%s, %s, %s, 'service', %s, %s)", segment, handle, where, role, holder
    )
    assert isinstance(account, UUID)
    factor, public_key = passkey(database, segment, account)
    return begun(database, Member(segment, account, handle, where, factor, public_key, b""))


def passkey(database: Database, segment: str, account: UUID, age: str = "2 days") -> tuple[UUID, bytes]:
    """A passkey of an account, added so long ago: its number and public key."""
    public_key = secrets.token_bytes(32)
    factor = database.one(
        "select cloison.new_factor_v1(%s, %s, %s, %s, 0, %s, false)",
        *(segment, account, secrets.token_bytes(16), public_key, AAGUID),
    )
    assert isinstance(factor, UUID)
    database.owner.execute(
        "update cloison.factor set added_at = added_at - %s::interval, "
        "quarantined_until = quarantined_until - %s::interval where factor = %s",
        (age, age, factor),
    )
    return factor, public_key


def begun(database: Database, who: Member, door: str = "signin") -> Member:
    """The same person with a new session; raises AssertionError where none begins."""
    with database.connect("signin") as login:
        again, code = who._replace(token=secrets.token_bytes(32)), secrets.token_bytes(32)
        assert start(login, again, code, door)
    return again


def start(login: psycopg.Connection, who: Member, code: bytes, door: str = "signin") -> object:
    """Exchange a code for a session whose token is that of `who`; when it ends, None where none begins."""
    hashes = (hashlib.sha256(who.token).digest(), hashlib.sha256(who.token[:16]).digest())
    return only(login, START, who.segment, who.account, uuid4(), door, *hashes, who.factor, code)


def act_of(who: Member, kind: str, organisation: UUID | None = None, **details: object) -> Act:
    """An act as its asker signs it; of their own organisation unless said otherwise."""
    now = datetime.now(UTC)
    return Act(
        act=uuid4(),
        kind=ActKind(kind),
        asked_by=Who(who.segment, who.account),
        organisation=organisation or who.organisation,
        details=details,
        asked_at=now,
        expires_at=now + timedelta(hours=72),
    )


def ask(login: psycopg.Connection, who: Member, act: Act, **lies: Any) -> object:  # noqa: ANN401 - any value
    """Ask for an act as an honest door does; `lies`: what a captured one tells besides (details, organisation, key)."""
    said: dict[str, Any] = {
        "details": act.details,
        "organisation": act.organisation,
        "kind": act.kind,
        "key": who.public_key,
    } | lies
    return only(
        login,
        ASK,
        *(*who.bearer, act.act, said["kind"], acts.canonical(act), Jsonb(dict(said["details"])), said["organisation"]),
        *(act.expires_at, who.factor, said["key"], *ASSERTION),
    )


def asked(
    login: psycopg.Connection, who: Member, kind: str, organisation: UUID | None = None, **details: object
) -> UUID:
    """An act that waits; its number."""
    act = act_of(who, kind, organisation, **details)
    assert ask(login, who, act) == "waiting"
    return act.act


def sign(login: psycopg.Connection, who: Member, act: UUID) -> object:
    """Sign an act, as the door does once it has verified the touch."""
    return only(login, SIGN, *who.bearer, act, who.factor, who.public_key, *ASSERTION)


def newcomer(handle: str = "", role: str = "adviser", segment: str = "59", **more: object) -> dict[str, Any]:
    """The details of an account that does not exist yet."""
    return {"handle": handle or f"new{next(_numbers)}", "role": role, "agency": "lille", "segment": segment, **more}


def about(who: Member, **more: object) -> dict[str, Any]:
    """The details of an act about somebody's account."""
    return {"account": str(who.account), "handle": who.handle, "segment": who.segment, "reason": "asked", **more}


def handed(login: psycopg.Connection, who: Member, segment: str, handle: str) -> bytes | None:
    """The hash of the code by which somebody is invited, which `who` knows from now on; None where they get none."""
    code = secrets.token_bytes(32)
    return None if only(login, HAND_OVER, *who.bearer, segment, handle, code) is None else code


def redeem(login: psycopg.Connection, segment: str, code: bytes, challenge: bytes | None = None) -> object:
    """Redeem a code with a new passkey."""
    made = (secrets.token_bytes(16), secrets.token_bytes(32), AAGUID)
    return only(login, REDEEM, segment, code, challenge or secrets.token_bytes(32), *made)


def refuse(login: psycopg.Connection, who: Member, act: UUID) -> object:
    """Refuse an act; whether it was waiting, and theirs to refuse."""
    return only(login, REFUSE, *who.bearer, act)


def tend(login: psycopg.Connection, who: Member, act: str, whom: Member) -> object:
    """Close, freeze or review an account; to how many it was done."""
    return only(login, TEND, *who.bearer, act, whom.segment, [whom.handle])


def accounts(database: Database, handle: object) -> object:
    """How many accounts have the handle."""
    return database.one("select count(*) from cloison.account where handle = %s", handle)


def only(login: psycopg.Connection, statement: str, *values: object) -> Any:  # noqa: ANN401 - what a function answers
    """What a function answers."""
    row = login.execute(statement, values).fetchone()
    assert row is not None
    return row[0]


def at_once(database: Database, *calls: Callable[[psycopg.Connection], object]) -> list[object]:
    """What these calls answer that begin at the same instant, each with a connection of its own."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[psycopg.Connection], object]) -> object:
        with database.connect("signin") as login:
            barrier.wait()
            try:
                return call(login)
            except psycopg.DatabaseError as error:
                return error.sqlstate

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
