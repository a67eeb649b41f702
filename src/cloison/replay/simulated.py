"""A register of its own under a simulated clock, in the replay's throw-away server: real meter, no sealed data.

The meter does not look into sealed compartments, so that the people here have empty ones.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cloison.access.accounts import NOBODY, Account, create_account
from cloison.access.organisations import create_organisation
from cloison.access.permissions import store_profile
from cloison.config import Home
from cloison.installation import store_ticket_key
from cloison.register.profile import Profile
from cloison.store import schema
from cloison.store.embedded import SUPERUSER, Embedded
from cloison.store.pools import PINNED_OPTIONS

SEGMENT = "59"
SESSION_SECONDS = 24 * 3600


class SimulatedRegister:
    """One account with a caseload, and the hand on the clock."""

    def __init__(self, owner: psycopg.Connection, logins: Mapping[str, str], account: Account) -> None:
        """Stand for the register that `owner` is connected to; `logins` are connection strings by login."""
        self.owner = owner
        self.logins = logins
        self.desk_conninfo = logins["desk"]
        self.account = account
        self.people: list[UUID] = []

    def set_clock(self, now: datetime) -> None:
        """Turn the clock."""
        self.owner.execute("select cloison.set_clock_v1(%s)", (now,))

    def follow(self, count: int) -> None:
        """Make `count` people whom the account follows from the clock's present on."""
        people = [uuid4() for _ in range(count)]
        self.owner.execute(
            "insert into cloison.person (segment, person, cohort, key_id, sealed) "
            "select %s, person, 8000, number, array_fill('\\x00'::bytea, array[5]) "
            "from unnest(%s::uuid[]) with ordinality as q (person, number)",
            (SEGMENT, people),
        )
        self.owner.execute(
            "insert into cloison.relation (segment, account, person, kind, valid_from) "
            "select %s, %s, person, 'caseload', cloison.clock_v1() from unnest(%s::uuid[]) person",
            (SEGMENT, self.account.account, people),
        )
        self.people += people

    def sign_in(self) -> bytes:
        """A new session of the account; its token."""
        token = secrets.token_bytes(32)
        values = (SEGMENT, self.account.account, uuid4(), hashlib.sha256(token).digest(), SESSION_SECONDS)
        self.owner.execute("select cloison.issue_session_v1(%s, %s, %s, %s, %s, false)", values)
        return token

    def budgets(self) -> dict[str, int]:
        """The account's budgets of opening: people in any 5 minutes, hour, day, 28 days."""
        row = self.owner.execute(
            "select minutes_5, hour, day, days_28 from cloison.role_budget join cloison.role using (role) "
            "where role.name = %s and meter = 'open'",
            (self.account.role,),
        ).fetchone()
        assert row is not None  # noqa: S101 - the profile was stored a moment ago
        return dict(zip(("minutes_5", "hour", "day", "days_28"), row, strict=True))


@contextmanager
def simulated_register(home: Home, profile: Profile, role: str) -> Iterator[SimulatedRegister]:
    """A register in the server of the throw-away `home`, with one account of `role`; dropped at the end."""
    name = f"cloison_replay_{secrets.token_hex(6)}"
    passwords = schema.new_passwords()
    embedded = Embedded(home)
    with psycopg.connect(embedded.conninfo(SUPERUSER, SUPERUSER), autocommit=True) as admin:
        schema.create_logins(admin, passwords)
        schema.create_database(admin, name)
        with psycopg.connect(embedded.conninfo(SUPERUSER, name), autocommit=True) as administrator:
            schema.harden(administrator)
        logins = {
            login: make_conninfo(
                embedded.dsn(schema.role_of(login), name), password=passwords[login], options=PINNED_OPTIONS
            )
            for login in ("owner", "desk", "sequencer", "witness")
        }
        logins[SUPERUSER] = embedded.conninfo(SUPERUSER, name)
        try:
            with psycopg.connect(logins["owner"], autocommit=True) as owner:
                yield SimulatedRegister(owner, logins, _install(owner, profile, role))
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _install(owner: psycopg.Connection, profile: Profile, role: str) -> Account:
    owner.execute("set synchronous_commit = off")  # of the clock's hand; the meter's own commits are the desk's
    schema.install(owner)
    store_profile(owner, profile)
    store_ticket_key(owner, secrets.token_bytes(32))
    owner.execute(files("cloison.replay").joinpath("simulated_clock.sql").read_bytes())
    organisation = create_organisation(owner, "Agence")
    return create_account(owner, Account(NOBODY, "night-owl", SEGMENT, organisation.name, "main", role))
