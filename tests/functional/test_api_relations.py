"""Why somebody may be opened: follow-up, cover, appointment, counter; over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest
from support.api import Api, calling, strangers
from support.desk import Agent, RunningRegister

from cloison.store.pools import connect

HOUR = timedelta(hours=1)


def related(register: RunningRegister, agent: Agent, person: object, kind: str, **times: timedelta) -> None:
    """A relation in the agent's segment, from and until so long after now."""
    now = datetime.now(UTC)
    with connect(register.home, "owner") as owner:
        owner.execute(
            "insert into cloison.relation (segment, account, person, kind, valid_from, valid_until) "
            "select segment, account, %s, %s, %s, %s from cloison.account where handle = %s",
            (person, kind, now + times.get("begins", -HOUR), now + times.get("ends", HOUR), agent.handle),
        )


def outcome(api: Api, person: object) -> str:
    """What becomes of opening this one person."""
    return str(api.open([str(person)])[0]["outcome"])


@pytest.mark.parametrize("kind", ["caseload", "cover", "inbound"])
def test_a_relation_opens_while_it_lasts(register: RunningRegister, kind: str) -> None:
    """Before it begins and after it ended the person is out of reach like anybody."""
    agent = register.agent(0)
    now, early, late, never = strangers(register.home, agent, 4)
    related(register, agent, now, kind)
    related(register, agent, early, kind, begins=HOUR, ends=2 * HOUR)
    related(register, agent, late, kind, begins=-2 * HOUR, ends=-HOUR)
    with calling(register, agent) as api:
        assert [outcome(api, person) for person in (now, early, late, never)] == ["open", "scope", "scope", "scope"]


def test_a_role_without_the_relation_cannot_use_it(register: RunningRegister) -> None:
    """A manager has no caseload in its role: the row alone opens nobody."""
    agent = register.agent(0, "manager")
    (person,) = strangers(register.home, agent, 1)
    related(register, agent, person, "caseload")
    with calling(register, agent) as api:
        asked = api.open([str(person)], purpose="quality_review")
    assert asked[0]["outcome"] == "scope"


def test_the_counter_takes_both_facts(register: RunningRegister) -> None:
    """Reception finds a stranger by NIR and birth date, not by identifier alone, and may open who was found."""
    agent = register.agent(0, "reception")
    # nobody whom another test asks for by NIR: misses of a group share five a day
    stranger, other = [row for row in register.people if row["nir"] and row["identifier"]][-7:-5]
    with calling(register, agent) as api:
        assert api.search(identifier=stranger["identifier"], purpose="reception")["cards"] == []
        assert api.search(identifier=stranger["identifier"], birth_date=other["birth_date"], purpose="reception")[
            "cards"
        ] == ([] if stranger["birth_date"] != other["birth_date"] else None)
        facts = {"nir": stranger["nir"], "birth_date": stranger["birth_date"], "purpose": "reception"}
        (card,) = api.search(**facts)["cards"]
        opened = api.open([card["person"]], purpose="reception")[0]
        assert opened["outcome"] == "open"
        assert opened["fields"]["birth_name"] == stranger["birth_name"]
        both = {"identifier": other["identifier"], "birth_date": other["birth_date"], "purpose": "reception"}
        assert len(api.search(**both)["cards"]) == 1


def test_the_counter_has_a_budget_of_its_own(register: RunningRegister) -> None:
    """An adviser opens one stranger at the counter in any 5 minutes, however many are found."""
    agent = register.agent(0)
    with calling(register, agent) as api:
        outcomes = []
        for row in register.people[-6:-3]:
            (card,) = api.search(nir=row["nir"], birth_date=row["birth_date"])["cards"]
            outcomes.append(outcome(api, card["person"]))
    assert outcomes == ["open", "budget", "budget"]


def test_a_partner_has_no_counter(register: RunningRegister) -> None:
    """Both facts find nobody for a role without walk-in right."""
    agent = register.agent(0, "partner")
    row = register.people[-7]
    with calling(register, agent) as api:
        assert api.search(nir=row["nir"], birth_date=row["birth_date"]) == {"outcome": "scope", "cards": []}
