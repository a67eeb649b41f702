"""Whoever takes as many people as they can gets what blast-radius said: as many, and never one more.

Over HTTP, with a role of small budgets of its own, so that a test reaches them in seconds. The thief knows the code:
who is on a list is not opened, nor searched for. Then everything is asked for again, in vain.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import pytest
from support.api import Api, calling
from support.desk import SEGMENT, Agent, RunningRegister

from cloison.access.blast_radius import Bound
from cloison.access.blast_report import report
from cloison.access.exposed import read_staff
from cloison.config import Home
from cloison.store.pools import connect

ROLE = "dpo"  # of the profile's, without a right of its own
BUDGETS = {"open": 4, "walk_in": 2, "list": 6, "search": 5, "refusal": 20_000}
FOLLOWED = 16  # as many as the accomplice of another role can find
RIGHTS = "update cloison.role set relations = %s, compartments = %s, purposes = %s where name = %s"


@contextmanager
def small_role(home: Home, relations: int) -> Iterator[None]:
    """The role with these relations and the small budgets, for the length of the block."""
    with connect(home, "owner") as owner:
        owner.execute(RIGHTS, (relations, 17, 1, ROLE))
        owner.cursor().executemany(
            "insert into cloison.role_budget select role, %s, %s, %s, %s, %s from cloison.role where name = %s",
            [(meter, *[people] * 4, ROLE) for meter, people in BUDGETS.items()],
        )
    try:
        yield
    finally:
        with connect(home, "owner") as owner:
            owner.execute(RIGHTS, (0, 0, 0, ROLE))
            owner.execute(
                "delete from cloison.role_budget b using cloison.role r where r.role = b.role and r.name = %s", (ROLE,)
            )


def bound_of(home: Home, agent: Agent) -> Bound:
    """What blast-radius says of the agent's account now."""
    with connect(home, "owner") as owner:
        (found,) = report(read_staff(owner)).only(agent.handle, None).accounts
    return found


def related(home: Home, agent: Agent) -> list[UUID]:
    """Whom the account follows, in the order of lists."""
    with connect(home, "owner") as owner:
        rows = owner.execute(
            "select r.person from cloison.relation r join cloison.account a using (account) "
            "where a.handle = %s and r.kind = 'caseload' order by r.person",
            (agent.handle,),
        ).fetchall()
    return [row[0] for row in rows]


def listed(api: Api) -> set[str]:
    """Whoever the whole list shows."""
    return {card["person"] for card in api.http.get("/v1/caseload", params={"whole": "true"}).json()["cards"]}


def opened(api: Api, people: Sequence[UUID]) -> set[str]:
    """Whoever of these is opened."""
    results = api.open(people) if people else []
    return {str(person) for person, each in zip(people, results, strict=False) if each["outcome"] == "open"}


def found(api: Api, rows: Sequence[dict[str, str]]) -> set[str]:
    """Whoever of these is found by identifier and birth date."""
    shown: set[str] = set()
    for row in rows:
        shown |= {c["person"] for c in api.search(identifier=row["identifier"], birth_date=row["birth_date"])["cards"]}
    return shown


def met_before(register: RunningRegister, agent: Agent, rows: Sequence[dict[str, str]]) -> list[UUID]:
    """Strangers whom the account found at the counter twenty minutes ago, who are not in any window any more."""
    with calling(register, agent) as api:
        people = [UUID(person) for person in sorted(found(api, rows))]
    with connect(register.home, "owner") as owner:
        owner.execute(
            "delete from cloison.opening o using cloison.account a where a.account = o.account and a.handle = %s",
            (agent.handle,),
        )
        owner.execute(
            "update cloison.ledger l set at_most = null, counted_at = null from cloison.account a "
            "where a.account = l.account and a.handle = %s",
            (agent.handle,),
        )
    return people


def test_all_meters_together(register: RunningRegister) -> None:
    """Lists, openings and cards, of people followed and of strangers: the sum of all meters, then nobody."""
    with small_role(register.home, relations=15):
        agent = register.agent(FOLLOWED, ROLE)
        strangers = met_before(register, agent, register.people[:2])
        said = bound_of(register.home, agent)
        with calling(register, agent) as api:
            names = listed(api)
            records = opened(api, [p for p in related(register.home, agent) if str(p) not in names][:4])
            taken = names | records | opened(api, strangers) | found(api, register.people[2:7])
            assert len(taken) == said.people.hour == 17
            again = listed(api) | opened(api, related(register.home, agent)) | opened(api, strangers)
            again |= found(api, register.people[7:17]) | found(api, agent.people)
    assert again <= taken
    assert len(records) == 4
    assert (said.opened.hour, said.by_compartment["identity"].hour, said.people.minutes5) == (6, 6, 17)


@pytest.mark.parametrize("followed", [3, 12, FOLLOWED])
def test_without_walk_in_right(register: RunningRegister, followed: int) -> None:
    """Without strangers, the people followed are the bound, or the budgets of all three meters together."""
    with small_role(register.home, relations=7):
        agent = register.agent(followed, ROLE)
        said = bound_of(register.home, agent)
        rows = rows_in_order(register, agent)
        with calling(register, agent) as api:
            names = listed(api)
            people = related(register.home, agent)
            taken = names | opened(api, people[6:10]) | found(api, rows[10:15])
            assert len(taken) == said.people.hour == min(followed, 15)
            again = found(api, [*rows, *register.people[:10]]) | opened(api, people) | listed(api)
    assert again <= taken


def rows_in_order(register: RunningRegister, agent: Agent) -> list[dict[str, str]]:
    """The rows of the people followed, in the order of lists, as an accomplice of another role finds out."""
    accomplice = register.agent(0, "partner")
    register.relate(accomplice.handle, agent.people)
    with calling(register, accomplice) as api:
        persons = {api.found(row): row for row in agent.people}
    return [persons[person] for person in sorted(persons)]


def test_frozen_account_is_released_nobody(register: RunningRegister) -> None:
    """A frozen account is said to be released nobody, and is."""
    agent = register.agent(4)
    with connect(register.home, "owner") as owner:
        owner.execute(
            "select cloison.freeze_v1(%s, account) from cloison.account where handle = %s", (SEGMENT, agent.handle)
        )
    said = bound_of(register.home, agent)
    with calling(register, agent) as api:
        assert found(api, agent.people) | opened(api, related(register.home, agent)) == set()
    assert (said.people.days28, said.why) == (0, "frozen")
