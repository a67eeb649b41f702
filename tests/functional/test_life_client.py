"""The typed client makes the same changes: what partner software calls."""

import asyncio
from uuid import UUID

import pytest
from support.desk import RunningRegister
from support.life import newcomer

from cloison.client import Changed, Client, RepresentativeRequest
from cloison.errors import ActRefusedError, InvalidFieldsError, MergeRefusedError

PURPOSE = "correction"


def person_of(changed: Changed) -> UUID:
    """Whom it is about."""
    assert changed.person is not None
    return changed.person


async def test_a_life_by_the_client(register: RunningRegister) -> None:
    """Brought in, corrected, ended, resumed, represented, merged, split; refusals are errors of their own class."""
    agent = await asyncio.to_thread(register.agent, 0, touched=True)  # apart: it runs an event loop of its own
    manager = await asyncio.to_thread(register.agent, 0, "manager")
    async with Client(register.url, agent.held) as desk, Client(register.url, manager.held) as second:
        rows = newcomer(), newcomer()
        made = [await desk.create(row, purpose=PURPOSE) for row in rows]
        assert [one.outcome for one in made] == ["created", "created"]
        first, other = (person_of(one) for one in made)
        await asyncio.to_thread(register.relate, agent.handle, list(rows))
        assert (await desk.change(first, {"city": "Lille"}, purpose=PURPOSE)).version == 2
        assert (await desk.end_registration(first, "2024-05-31", purpose=PURPOSE)).version == 3
        assert (await desk.resume_registration(first, "2024-06-03", purpose=PURPOSE)).version == 4
        wish = RepresentativeRequest(
            purpose=PURPOSE, representative=other, kind="proxy", signs_in=False, receives_notices=True
        )
        assert (await desk.set_representative(first, wish)).signs_in_alone is True
        assert (await desk.end_representative(first, other, purpose=PURPOSE)).outcome == "ended"
        asked = await desk.ask_merge(first, other, purpose=PURPOSE)
        assert asked.merge is not None
        assert (await second.approve_merge(asked.merge)).outcome == "merged"
        assert (await desk.ask_split(asked.merge, purpose=PURPOSE)).outcome == "pending"
        assert (await second.approve_merge(asked.merge)).outcome == "split"
        assert (await desk.note_death(other, "2024-07-01", purpose=PURPOSE)).outcome == "changed"
        with pytest.raises(ActRefusedError):
            await desk.end_registration(other, "2024-07-02", purpose=PURPOSE)
        with pytest.raises(InvalidFieldsError, match="email: email"):
            await desk.change(first, {"email": "nowhere"}, purpose=PURPOSE)
        with pytest.raises(MergeRefusedError):
            await desk.ask_merge(first, first, purpose=PURPOSE)
