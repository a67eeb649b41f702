"""Break-glass over HTTP: a stranger is opened by two, in an emergency by one for four hours; nothing tells before."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from support.operated import rows_of
from support.staffed import Staffed, staffed

from cloison.access import accounts
from cloison.client import Client, Grant, PersonRequest
from cloison.client.signin_wire import ActState
from cloison.errors import ActImpossibleError, ActScopeError, NotFoundError
from cloison.model import Outcome
from cloison.register import synthetic
from cloison.replay.sessions import give_passkey
from cloison.store.pools import connect

STAFF = {"ada": "adviser", "bea": "adviser", "carl": "adviser", "mia": "manager", "max": "manager", "rita": "reception"}
REASON = "Called by the hospital."
ASKED = {"compartments": ["identity", "contact"], "hours": 8, "reason": REASON}


class Place(NamedTuple):
    """A served home with people whom nobody follows."""

    staff: Staffed
    rows: list[dict[str, str]]

    def stranger(self) -> dict[str, str]:
        """Somebody whom no test has asked for yet."""
        return self.rows.pop()

    async def at_desk(self, handle: str) -> Client:
        """The desk, for somebody who signs in."""
        async with self.staff.client(handle) as door:
            return Client(self.staff.desk, (await door.sign_in()).held)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Advisers and managers of one agency, who have had their passkeys for a day, and people of its department."""
    with staffed(tmp_path_factory.mktemp("grants")) as staff:
        operated = staff.operated
        synthetic.write(operated.folder / "people.csv", 60, seed=5, departments=["59"])
        operated.do("people", "import", "people.csv")
        with connect(operated.home, "owner") as owner:
            for handle, role in STAFF.items():
                new = accounts.Account(accounts.NOBODY, handle, "59", "Service", "lille", role)
                made = accounts.create_account(owner, new)
                staff.passkeys[handle] = give_passkey(operated.home, owner, made)
        yield Place(staff, [row for row in rows_of(operated.folder / "people.csv") if row["commune"][:2] == "59"])


async def facts_of(desk: Client, row: dict[str, str]) -> UUID:
    """The number under which somebody's facts are kept."""
    kept = await desk.keep_facts("identifier", row["identifier"], purpose="follow_up", birth_date=row["birth_date"])
    assert kept.outcome is Outcome.OPEN
    assert kept.facts is not None
    return kept.facts


async def ask(place: Place, handle: str, facts: UUID, **changes: Any) -> ActState:  # noqa: ANN401 - any detail
    """Ask for break-glass at the sign-in door."""
    async with place.staff.client(handle) as door:
        return await door.ask_for("grant.break_glass", "Service", facts=str(facts), **{**ASKED, **changes})


async def sign(place: Place, handle: str, act: UUID) -> ActState:
    """Sign an act."""
    async with place.staff.client(handle) as door:
        return await door.sign(act)


async def given(desk: Client, act: UUID) -> Grant:
    """What became of one grant."""
    return next(grant for grant in await desk.grants() if grant.act == act)


async def opened(desk: Client, person: UUID, *compartments: str) -> Outcome:
    """What an opening ends in."""
    asked = PersonRequest(request=uuid4(), person=person, compartments=list(compartments), purpose="follow_up")
    return (await desk.open([asked]))[0].outcome


async def test_two_let_a_stranger_be_opened(place: Place) -> None:
    """Asked by facts, told after approval, for the compartments asked; it counts against the approver's budget too."""
    row = place.stranger()
    async with await place.at_desk("ada") as desk:
        asked = await ask(place, "ada", await facts_of(desk, row))
        assert asked.state == "waiting"
        waiting = await given(desk, asked.act)
        assert (waiting.state, waiting.person) == ("waiting", None)
        assert (await sign(place, "mia", asked.act)).state == "done"
        grant = await given(desk, asked.act)
        assert (grant.state, grant.approved, grant.compartments) == ("open", True, ["identity", "contact"])
        assert grant.person is not None
        assert await opened(desk, grant.person, "identity", "contact") is Outcome.OPEN
        assert await opened(desk, grant.person, "identity", "situation") is Outcome.SCOPE
    with connect(place.staff.operated.home, "owner") as owner:
        counted = owner.execute(
            "select count(*) from cloison.opening o join cloison.account a using (segment, account) "
            "where a.handle = 'mia' and o.person = %s and o.meter = 'open'", (grant.person,),
        ).fetchone()  # fmt: skip
        logged = owner.execute(
            "select count(*) from cloison.entry where person = %s and relation = 'grant' and event = 'open'",
            (grant.person,),
        ).fetchone()
    assert (counted, logged) == ((1,), (1,))


async def test_facts_of_nobody_are_nobodys_after_approval_alone(place: Place) -> None:
    """Existing or not, the answers before approval are the same, and cost the same; then the asker alone is told."""
    nobody = {**place.stranger(), "birth_date": "1931-02-03"}
    async with await place.at_desk("ada") as desk:
        asked = await ask(place, "ada", await facts_of(desk, nobody))
        assert (await given(desk, asked.act)).state == "waiting"
        await sign(place, "mia", asked.act)
        grant = await given(desk, asked.act)
    assert (grant.state, grant.person) == ("nobody", None)


async def test_facts_are_charged_and_cannot_be_searched_with(place: Place) -> None:
    """Facts kept are a search that found nobody: no card, no relation, and one of the hour's refusals is gone."""
    row = place.stranger()
    async with await place.at_desk("bea") as desk:
        before = await _refusals(place, "bea")
        await facts_of(desk, row)
        assert await _refusals(place, "bea") == before + 1
        with connect(place.staff.operated.home, "owner") as owner:
            asked = owner.execute("select count(*) from cloison.asked").fetchone()
    assert asked == (0,)


async def test_who_may_ask_and_who_approve(place: Place) -> None:
    """A role without the right keeps no facts; nobody approves their own, nor an adviser a colleague's."""
    row = place.stranger()
    async with await place.at_desk("rita") as desk:
        kept = await desk.keep_facts("identifier", row["identifier"], purpose="reception", birth_date=row["birth_date"])
        assert (kept.outcome, kept.facts) == (Outcome.SCOPE, None)
    async with await place.at_desk("bea") as desk:
        facts = await facts_of(desk, row)
        for who in ("ada", "mia"):
            with pytest.raises((ActScopeError, ActImpossibleError)):
                await ask(place, who, facts)
        asked = await ask(place, "bea", facts)
        for who, refusal in (("bea", ActScopeError), ("ada", NotFoundError)):
            with pytest.raises(refusal):
                await sign(place, who, asked.act)
        with pytest.raises(ActImpossibleError):
            await ask(place, "bea", facts, hours=9)
        async with place.staff.client("mia") as door:
            await door.refuse(asked.act)
        assert (await given(desk, asked.act)).state == "refused"


async def test_an_emergency_opens_at_once_and_is_approved_afterwards(place: Place) -> None:
    """One touch opens; approved, it lasts its hours; two at most wait; refused, it ends, and so does asking."""
    async with await place.at_desk("carl") as desk:
        first = await ask(place, "carl", await facts_of(desk, place.stranger()), emergency=True)
        grant = await given(desk, first.act)
        assert (grant.state, grant.emergency, grant.approved) == ("open", True, False)
        assert grant.person is not None
        assert await opened(desk, grant.person, "identity") is Outcome.OPEN
        second = await ask(place, "carl", await facts_of(desk, place.stranger()), emergency=True)
        third = await facts_of(desk, place.stranger())
        with pytest.raises(ActImpossibleError, match="two emergencies"):
            await ask(place, "carl", third, emergency=True)
        assert (await sign(place, "max", first.act)).state == "done"
        longer = await given(desk, first.act)
        assert longer.approved
        assert longer.until > grant.until
        async with place.staff.client("max") as door:
            await door.refuse(second.act)
        refused = await given(desk, second.act)
        assert refused.state == "refused"
        assert refused.person is not None
        assert await opened(desk, refused.person, "identity") is Outcome.SCOPE
        for emergency in (True, False):
            with pytest.raises(ActImpossibleError, match="not approved in time"):
                await ask(place, "carl", third, emergency=emergency)
        async with place.staff.client("mia") as mia, place.staff.client("anna") as anna:
            lift = await mia.ask_for("grant.reinstate", "Service", segment="59", handle="carl", reason="Explained.")
            assert (await anna.sign(lift.act)).state == "done"
        assert (await ask(place, "carl", third)).state == "waiting"


async def _refusals(place: Place, handle: str) -> int:
    """How many refusals an account has had."""
    with connect(place.staff.operated.home, "owner") as owner:
        row = owner.execute(
            "select count(*) from cloison.refusal r join cloison.account a using (segment, account) "
            "where a.handle = %s",
            (handle,),
        ).fetchone()
    assert row is not None
    return int(row[0])
