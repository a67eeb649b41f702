"""Exports as the desk's login asks for them, of grants that two officers signed: for attacks on the database."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg

from support.database import Database, Session
from support.signing import Member, asked, member, sign

RECIPIENT = "age1p6w5y03mfuznnmgmu67zmgw5q48k4g8u3n05dad7rc9vyhct7u5s5d8q3y"  # whose key nobody has
EXPORT = "select outcome, people, last from cloison.export_v1(%s, %s, %s, %s, %s, %s)"
RELEASE = "select person, ticket from cloison.release_export_v1(%s, %s, %s, %s)"
_segments = itertools.count(100)


class Page(NamedTuple):
    """What a page was charged as, and whose records came out."""

    outcome: str
    last: UUID | None
    people: list[UUID]


class Exporter(NamedTuple):
    """An executor, their session of the desk, the grant, and a segment of their own with people."""

    database: Database
    who: Member
    session: Session
    act: UUID
    place: str
    people: list[UUID]

    def page(self, desk: psycopg.Connection, after: UUID | None = None, **other: Any) -> Page:  # noqa: ANN401 - any value
        """Charge and release a page; `other`: another session, act, place or request."""
        session, act = other.get("session", self.session), other.get("act", self.act)
        request = other.get("request") or uuid4()
        values = (session.segment, session.token, act, request, other.get("place", self.place), after)
        row = desk.execute(EXPORT, values).fetchone()
        assert row is not None
        rows = desk.execute(RELEASE, (session.segment, session.token, act, request)).fetchall()
        return Page(row[0], row[2], [one[0] for one in rows])

    def taken(self) -> int:
        """How many people the grant has counted."""
        return int(str(self.database.one("select taken from cloison.export where act = %s", self.act)))


def people_in(database: Database, count: int, place: str) -> list[UUID]:
    """People whose retention goes on, in the order of their numbers."""
    people = sorted(database.people(count, place))
    database.owner.execute(
        "update cloison.person set cohort = %s where segment = %s", (datetime.now(UTC).year * 4 + 8, place)
    )
    return people


def wish(who: Member, place: str | Sequence[str], people: object = 10, **other: object) -> dict[str, Any]:
    """The details of a bulk grant for somebody."""
    return {
        "executor": str(who.account), "handle": who.handle, "segment": who.segment, "purpose": "follow_up",
        "people": people, "compartments": ["identity"], "hours": 8, "reason": "asked", "recipient": RECIPIENT,
        "segments": [place] if isinstance(place, str) else list(place),
    } | other  # fmt: skip


def given(
    database: Database, login: psycopg.Connection, people: int = 10, there: int = 30, role: str = "adviser"
) -> Exporter:
    """A grant of so many people, in a segment that has `there`; its executor has just touched."""
    place = str(next(_segments))
    who = member(database, role, segment="59")
    act = asked(login, member(database), "grant.bulk", who.organisation, **wish(who, place, people))
    assert sign(login, member(database), act) == "done"
    session = database.session(who.account, touched=True)
    return Exporter(database, who, session, act, place, people_in(database, there, place))
