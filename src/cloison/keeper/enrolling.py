"""Keys for people who come in or change. Nothing here can open a record that exists.

New keys are made in slices between which openings have their turn, and stored in a thread: an import of
millions must not be felt at a counter. A change is in two halves, as the register and the keeper cannot
commit together: the keys of the next version are handed out first, and the older version stays good until the
newer one is confirmed or shown.
"""

import asyncio
import os
from typing import NamedTuple

from cloison.errors import CloisonError, MissingKeyError, StaleVersionError
from cloison.keeper.derive import KEY_BYTES, Owner, compartment_key, open_key, seal_key, term
from cloison.keeper.messages import Change, Enrolled, KeyGrant, NewPerson, Refusal
from cloison.keeper.opening import Rooms
from cloison.keeper.store import PersonRow

PEOPLE_A_SLICE = 32  # about a millisecond


class _Made(NamedTuple):
    """Someone's new key: sealed for the store, and what the caller gets once it is stored."""

    sealed: bytes
    enrolled: Enrolled


class Enroller:
    """Makes keys."""

    def __init__(self, rooms: Rooms) -> None:
        """Make keys with these rooms."""
        self._rooms = rooms
        self.last_key_id = rooms.store.last_key_id()

    async def enrol(self, people: list[NewPerson]) -> list[Enrolled]:
        """A key for each person, stored before it is returned."""
        made: list[_Made] = []
        for start in range(0, len(people), PEOPLE_A_SLICE):
            made += [self._make(person) for person in people[start : start + PEOPLE_A_SLICE]]
            await asyncio.sleep(0)
        rows = [(m.enrolled.key_id, m.sealed) for m in made]
        await asyncio.to_thread(self._rooms.store.add_people, rows)
        return [m.enrolled for m in made]

    def locate(self, values: list[tuple[int, bytes]]) -> list[int]:
        """The register-wide terms of (kind, value), in order."""
        return [term(self._rooms.keyring.locator(kind), value) for kind, value in values]

    def prepare(self, changes: list[Change]) -> list[KeyGrant | Refusal]:
        """The keys of the next version of each record, all compartments; or why not."""
        rows = self._rooms.store.people([change.key_id for change in changes])
        answers = [self._next_keys(change, rows.get(change.key_id)) for change in changes]
        self._rooms.store.prepare_versions(
            [c.key_id for c, answer in zip(changes, answers, strict=True) if isinstance(answer, KeyGrant)]
        )
        return answers

    def confirm(self, versions: list[tuple[int, int]]) -> None:
        """Makes prepared versions, (key_id, version), the newest; once more is no harm."""
        self._rooms.store.confirm_versions(versions)

    def _make(self, new: NewPerson) -> _Made:
        """A key for one person."""
        owner = Owner(new.segment, new.cohort, str(new.person))
        cohort = self._rooms.keyring.provide_cohort(new.segment, new.cohort)
        person_key = os.urandom(KEY_BYTES)
        terms = [term(cohort.searches[slot - 1], value) for slot, value in new.terms]
        self.last_key_id += 1
        sealed = seal_key(cohort.people, person_key, owner.bound())
        return _Made(sealed, Enrolled(self.last_key_id, _all_keys(owner, person_key, cohort.domains, 1), terms))

    def _next_keys(self, change: Change, row: PersonRow | None) -> KeyGrant | Refusal:
        """The keys of the version after `change.version`, which must be the newest."""
        owner = Owner(change.segment, change.cohort, str(change.person))
        try:
            if row is None:
                raise MissingKeyError
            cohort = self._rooms.keyring.cohort(owner.segment, owner.cohort)
            person_key = open_key(cohort.people, row.sealed, owner.bound())
            if change.version != row.version:
                raise StaleVersionError
        except CloisonError as error:
            return Refusal.of(error)
        return KeyGrant(_all_keys(owner, person_key, cohort.domains, change.version + 1))


def _all_keys(owner: Owner, person_key: bytes, domains: list[bytes], version: int) -> list[bytes]:
    """The keys of all compartments, in the profile's order."""
    return [
        compartment_key(person_key, domain, owner.compartment(number, version)) for number, domain in enumerate(domains)
    ]
