"""Accounts, by the owner's login: the first two officers, who admit all others at the sign-in door, and lists.

`create_account` is for throw-away homes too, whose accounts nobody admits.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import psycopg

from cloison.access.organisations import create_organisation, find_organisation
from cloison.access.sessions import SECRET_BYTES, text_of
from cloison.errors import AgreementError, BadRequestError, UnknownAccountError
from cloison.model import Permission
from cloison.store.metered import Bearer

MALFORMED = "a handle is 1 to 64 of A-Z a-z 0-9 . _ -, a segment such as 59, an agency 1 to 64 characters"
HANDLE_TAKEN = "the account's handle is taken"
NO_SUCH_ROLE = "CL005"  # as create_account_v1 says it
NOT_AGREED = {
    "CL010": "none is in force",
    "CL011": "the segment is not one of it",
    "CL012": "the role is not one of it",
    "CL013": "there are as many accounts as it gives",
    "CL014": "the agency is not one of those named",
}
FIRST_OFFICERS = 2
NOWHERE = "00"  # the home of accounts that open nobody
NOBODY = UUID(int=0)  # the account of an act of the owner's; and of one that is not created yet


class Account(msgspec.Struct, frozen=True):
    """Someone who works in the register; `segment` is the home, where the ledger is."""

    account: UUID
    handle: str
    segment: str
    organisation: str
    agency: str
    role: str


ACCOUNTS = (
    "select a.account, a.handle, a.segment, o.name, a.agency, r.name from cloison.account a "
    "join cloison.organisation o using (organisation) join cloison.role r using (role)"
)


def create_account(owner: psycopg.Connection, new: Account) -> Account:
    """Create `new` (its `account` is ignored) and its ledger.

    Raises UnknownOrganisationError, AgreementError where its agreement does not allow the account, and BadRequestError
    for a handle that is taken or malformed or an unknown role.
    """
    organisation = find_organisation(owner, new.organisation)
    # In any segment: whoever freezes an account names its handle alone.
    if owner.execute("select from cloison.account where handle = %s", (new.handle,)).fetchone() is not None:
        raise BadRequestError(reason=HANDLE_TAKEN)
    try:
        row = owner.execute(
            "select cloison.create_account_v1(%s, %s, %s, %s, %s)",
            (new.segment, new.handle, organisation.organisation, new.agency, new.role),
        ).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise BadRequestError(reason=HANDLE_TAKEN) from error
    except psycopg.errors.CheckViolation as error:
        raise BadRequestError(reason=MALFORMED) from error
    except psycopg.DatabaseError as error:
        if error.sqlstate == NO_SUCH_ROLE:
            roles = ", ".join(row[0] for row in owner.execute("select name from cloison.role order by role").fetchall())
            raise BadRequestError(reason=f"there is no such role in the profile; there are {roles}") from error
        if error.sqlstate in NOT_AGREED:
            raise AgreementError(organisation=new.organisation, reason=NOT_AGREED[error.sqlstate]) from error
        raise
    assert row is not None  # noqa: S101 - a function that returns a value answers one row
    return msgspec.structs.replace(new, account=row[0])


class FirstOfficer(msgspec.Struct, frozen=True):
    """Somebody who comes in first: the code is handed to them, and redeemed at the sign-in door until then."""

    handle: str
    code: str
    until: datetime


def first_officers(owner: psycopg.Connection, organisation: str, handles: Sequence[str]) -> list[FirstOfficer]:
    """Create the service's organisation and its first two officers, who admit all others; codes to hand over.

    Raises BadRequestError unless two different people are named, or where the service has its first officers.
    """
    if len(set(handles)) != FIRST_OFFICERS:
        raise BadRequestError(reason="name two different officers, of whom neither can act alone")
    if owner.execute("select from cloison.organisation where service").fetchone() is not None:
        raise BadRequestError(reason="the service has its first officers; they admit others at the sign-in door")
    role = owner.execute(
        "select name from cloison.role where (permissions >> %s) & 1 = 1", (Permission.ADMIT.bit,)
    ).fetchone()
    if role is None:
        raise BadRequestError(reason="no role of the profile has the act admit")
    with owner.transaction():
        service = create_organisation(owner, organisation)
        owner.execute("update cloison.organisation set service = true where organisation = %s", (service.organisation,))
        made = [create_account(owner, Account(NOBODY, h, NOWHERE, service.name, "service", role[0])) for h in handles]
        return [_invite(owner, account) for account in made]


def _invite(owner: psycopg.Connection, account: Account) -> FirstOfficer:
    secret = secrets.token_bytes(SECRET_BYTES)
    row = owner.execute(
        "insert into cloison.invitation (segment, account, invited_at, expires_at, code_hash) values "
        "(%s, %s, cloison.clock_v1(), cloison.clock_v1() + interval '72 hours', sha256(%s)) returning expires_at",
        (account.segment, account.account, secret),
    ).fetchone()
    assert row is not None  # noqa: S101 - an insert with returning answers a row
    return FirstOfficer(account.handle, text_of(Bearer(account.segment, secret)), row[0])


def accounts(owner: psycopg.Connection) -> list[Account]:
    """All accounts, by handle."""
    return [Account(*row) for row in owner.execute(ACCOUNTS + " order by a.handle, a.segment").fetchall()]


def find_account(owner: psycopg.Connection, handle: str) -> Account:
    """The account of that handle; raises UnknownAccountError."""
    row = owner.execute(ACCOUNTS + " where a.handle = %s order by a.segment", (handle,)).fetchone()
    if row is None:
        raise UnknownAccountError(account=handle)
    return Account(*row)
