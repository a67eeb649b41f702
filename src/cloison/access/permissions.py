"""From the profile to the tables that the meter reads: compartments, purposes, roles and budgets.

Roles keep their number when a profile grows; one that the profile no longer has keeps its row and loses every right.
"""

import psycopg

from cloison.errors import ProfileError
from cloison.register.profile import FIVE_MINUTES_SHARE, Profile, Role, permission_mask, relation_mask

WHOLE_AT_ONCE = {"list"}  # but a caseload is looked through in one go


def store_profile(owner: psycopg.Connection, profile: Profile) -> None:
    """Write `profile` to the database, in one transaction; `owner` is the owner's connection.

    Raises ProfileError if the register was made with another one, or with another order of compartments or purposes:
    the order is what sealed records and audit entries hold.
    """
    with owner.transaction():
        _store_lists(owner, profile)
        _store_searches(owner, profile)
        owner.execute(
            "update cloison.role set relations = 0, compartments = 0, touch = 0, purposes = 0, permissions = 0"
        )
        owner.execute("delete from cloison.role_budget")
        for name, role in profile.roles.items():
            _store_role(owner, profile, name, role)


def _store_lists(owner: psycopg.Connection, profile: Profile) -> None:
    row = owner.execute("select name, compartments, purposes from cloison.profile").fetchone()
    if row is None:
        owner.execute(
            "insert into cloison.profile (name, compartments, label_bit, address_bit, purposes) "
            "values (%s, %s, %s, %s, %s)",
            (
                *(profile.name, list(profile.compartments)),
                *(profile.label_bit, profile.address_bit, list(profile.purposes)),
            ),
        )
        return
    name, compartments, purposes = row
    if name != profile.name or compartments != list(profile.compartments):
        raise ProfileError(reason=f"the register was made with {name} and its compartments; they cannot change")
    if purposes != list(profile.purposes[: len(purposes)]):
        raise ProfileError(reason="purposes may be appended, never reordered or removed")
    owner.execute(
        "update cloison.profile set purposes = %s, address_bit = %s", (list(profile.purposes), profile.address_bit)
    )


def _store_searches(owner: psycopg.Connection, profile: Profile) -> None:
    owner.execute("delete from cloison.search_slot")
    for search in profile.searches:
        if not search.indexed:  # it proves a fact about somebody found otherwise; looking by it would read everybody
            continue
        proof = (search.proof_slot or search.slot) if search.walk_in else None
        owner.execute(
            "insert into cloison.search_slot (slot, proof_slot, cuts) values (%s, %s, %s)",
            (search.slot, proof, search.cuts or None),
        )


def _store_role(owner: psycopg.Connection, profile: Profile, name: str, role: Role) -> None:
    # Labels are what lists and cards show, so whoever has a relation sees them.
    compartments = profile.mask(role.compartments) | (profile.label_bit if role.relations else 0)
    masks = (
        relation_mask(role.relations),
        compartments,
        profile.mask(role.touch),
        profile.purpose_mask(role.purposes),
        permission_mask(role.permissions),
    )
    row = owner.execute(
        "insert into cloison.role as r (role, name, relations, compartments, touch, purposes, permissions) "
        "values ((select coalesce(max(role), 0) + 1 from cloison.role), %s, %s, %s, %s, %s, %s) "
        "on conflict (name) do update set relations = excluded.relations, compartments = excluded.compartments, "
        "touch = excluded.touch, purposes = excluded.purposes, permissions = excluded.permissions returning role",
        (name, *masks),
    ).fetchone()
    assert row is not None  # noqa: S101 - an upsert with returning always answers
    for meter, (hour, day, days_28) in role.budgets.items():
        minutes_5 = hour if meter in WHOLE_AT_ONCE else hour // FIVE_MINUTES_SHARE
        owner.execute(
            "insert into cloison.role_budget (role, meter, minutes_5, hour, day, days_28) "
            "values (%s, %s, %s, %s, %s, %s)",
            (row[0], meter, minutes_5, hour, day, days_28),
        )
