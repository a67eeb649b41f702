"""An account never opens its own holder's record: whichever number named them, whenever they registered."""

import asyncio

import pytest
from support.api import calling
from support.desk import RunningRegister

from cloison.access.locating import locate, read_numbers
from cloison.access.protection import hold
from cloison.processes import keeper_of
from cloison.register.intake import Register
from cloison.register.profile import load_profile
from cloison.store.pools import connect, conninfo, pool


def holder(register: RunningRegister, handle: str, text: str, by: str) -> None:
    """Say whose record the account's holder is, as the command does."""

    async def ask() -> dict[int, int]:
        home = register.home
        profile = load_profile(home.config.profile)
        async with keeper_of(home, "intake") as keeper, pool(conninfo(home, "intake"), 1) as connections:
            return await locate(Register(profile, keeper, connections), read_numbers(text, by, profile))

    terms = asyncio.run(ask())
    with connect(register.home, "operator") as operator:
        hold(operator, handle, terms)


@pytest.mark.parametrize("by", ["nir", "identifier"])
def test_own_record_is_out_of_reach(register: RunningRegister, by: str) -> None:
    """Followed, at the counter or in a list, the account's own holder is nobody to it; a colleague opens them."""
    adviser, colleague = register.agent(2), register.agent(0)
    register.relate(colleague.handle, adviser.people)
    mine = adviser.people[0]
    with calling(register, adviser) as api, calling(register, colleague) as theirs:
        person, other = (theirs.found(row) for row in adviser.people)
        assert api.open([person])[0]["outcome"] == "open"
        holder(register, adviser.handle, mine[by], by)
        assert [result["outcome"] for result in api.open([person, other])] == ["scope", "open"]
        assert api.search(identifier=mine["identifier"])["cards"] == []
        assert api.search(identifier=mine["identifier"], birth_date=mine["birth_date"])["cards"] == []
        cards = api.http.get("/v1/caseload?whole=true").json()["cards"]
        assert [card["person"] for card in cards] == [other]
        assert theirs.open([person])[0]["outcome"] == "open"


def test_own_record_by_both_numbers(register: RunningRegister) -> None:
    """A file may name the holder by several numbers; none given again, and it is forgotten."""
    adviser = register.agent(1)
    row = adviser.people[0]
    with calling(register, adviser) as api:
        person = api.found(row)
        holder(register, adviser.handle, f"nir,identifier\n{row['nir']},{row['identifier']}\n", "nir")
        assert api.open([person])[0]["outcome"] == "scope"
        with connect(register.home, "owner") as owner:
            owner.execute(
                "select cloison.set_holder_v1(segment, account, '{}', '{}') from cloison.account where handle = %s",
                (adviser.handle,),
            )
        assert api.open([person])[0]["outcome"] == "open"


def test_number_itself_is_not_kept(register: RunningRegister) -> None:
    """What is stored is a keyed hash: neither the number nor anything of it stands in the table or in the entry."""
    adviser = register.agent(1)
    number = adviser.people[0]["identifier"]
    holder(register, adviser.handle, number, "identifier")
    with connect(register.home, "owner") as owner:
        rows = owner.execute(
            "select h::text from cloison.account_holder h join cloison.account a using (account) where a.handle = %s "
            "union all select e::text from cloison.entry e join cloison.account a on a.account = e.subject "
            "where a.handle = %s and e.event = 'holder_set'",
            (adviser.handle, adviser.handle),
        ).fetchall()
    assert len(rows) == 2
    assert not any(number in row[0] for row in rows)
