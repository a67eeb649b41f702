"""What would be if a budget, a caseload or a role were another: `cloison blast-radius --if`. No I/O.

A change is `ROLE.METER.WINDOW=N`, `ACCOUNT.caseload=N` or `ACCOUNT.role=ROLE`; a handle may have dots in it. Which
people a smaller caseload would keep is not known: counted are those who can be released on the most meters.
"""

from collections.abc import Sequence

import msgspec

from cloison.access.blast_radius import METERS
from cloison.access.exposed import NOBODY, People, RoleRights, Staff
from cloison.errors import BadRequestError, UnknownAccountError

FORMS = "ROLE.METER.WINDOW=N, ACCOUNT.caseload=N or ACCOUNT.role=ROLE"
METER_NAMES = tuple(meter.name.lower() for meter in METERS)
WINDOWS = People.__struct_fields__
MOST = 1_000_000_000


def changed(staff: Staff, changes: Sequence[str]) -> Staff:
    """The staff after all these changes, in order; raises BadRequestError, UnknownAccountError."""
    for change in changes:
        left, _, right = change.partition("=")
        what, _, last = left.strip().rpartition(".")
        value = right.strip()
        if last == "caseload" and what:
            staff = _account(staff, what, caseload=_number(change, value))
        elif last == "role" and what:
            staff = _account(staff, what, role=_role(staff, value).name)
        else:
            staff = _budget(staff, change, left.strip(), value)
    return staff


def _account(staff: Staff, handle: str, **fields: object) -> Staff:
    if handle not in {account.account for account in staff.accounts}:
        raise UnknownAccountError(account=handle)
    accounts = tuple(
        msgspec.structs.replace(each, **fields) if each.account == handle else each for each in staff.accounts
    )
    return msgspec.structs.replace(staff, accounts=accounts)


def _budget(staff: Staff, change: str, left: str, value: str) -> Staff:
    name, meter, window = left.rsplit(".", 2) if left.count(".") > 1 else ("", "", "")
    if not name:
        raise BadRequestError(reason=f"a change is {FORMS}, not {change}")
    role = _role(staff, name)
    if meter not in METER_NAMES:
        raise BadRequestError(reason=f"{change}: there is no such meter; there are {', '.join(METER_NAMES)}")
    if window not in WINDOWS:
        raise BadRequestError(reason=f"{change}: there is no such window; there are {', '.join(WINDOWS)}")
    budget = msgspec.structs.replace(role.budgets.get(meter, NOBODY), **{window: _number(change, value)})
    made = msgspec.structs.replace(role, budgets=role.budgets | {meter: budget})
    return msgspec.structs.replace(staff, roles=staff.roles | {name: made})


def _role(staff: Staff, name: str) -> RoleRights:
    if name not in staff.roles:
        raise BadRequestError(reason=f"there is no role {name}; there are {', '.join(staff.roles)}")
    return staff.roles[name]


def _number(change: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > MOST:
        raise BadRequestError(reason=f"{change}: after the = there must be a number of people, such as 20")
    return int(value)
