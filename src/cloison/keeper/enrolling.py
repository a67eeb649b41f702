"""Keys for people who come in or change. Nothing here can open a record that exists.

New keys are made in slices between which openings have their turn, and stored in a thread: an import of
millions must not be felt at a counter. A change is in two halves, as the register and the keeper cannot
commit together: the keys of the next version are handed out first, and the older version stays good until the
newer one is confirmed or shown. Somebody who goes to another segment or cohort gets a new key in the same two
halves: the former one stays until the new one is confirmed or shown.
"""

import asyncio
import os

from cloison.errors import CloisonError, MissingKeyError, StaleVersionError
from cloison.keeper.derive import KEY_BYTES, Owner, compartment_key, open_key, seal_key, term
from cloison.keeper.messages import Change, Enrolled, KeyGrant, KnownPerson, NewPerson, Refusal
from cloison.keeper.opening import Rooms
from cloison.keeper.store import NewKey, PersonRow
from cloison.model import bits

PEOPLE_A_SLICE = 32  # about half a millisecond


class Enroller:
    """Makes keys."""

    def __init__(self, rooms: Rooms) -> None:
        """Make keys with these rooms."""
        self._rooms = rooms
        self.last_key_id = rooms.store.last_key_id()

    async def enrol(self, people: list[NewPerson]) -> list[Enrolled]:
        """A key for each person, stored before it is returned.

        Raises MissingKeyError or TamperedRowError for a former key that is not there or somebody else's.
        """
        self._check_former(people)
        keys: list[NewKey] = []
        made: list[Enrolled] = []
        for start in range(0, len(people), PEOPLE_A_SLICE):
            for person in people[start : start + PEOPLE_A_SLICE]:
                sealed, enrolled = self._make(person)
                former = None if person.former is None else person.former.key_id
                keys.append(NewKey(enrolled.key_id, person.version, sealed, former))
                made.append(enrolled)
            await asyncio.sleep(0)
        await asyncio.to_thread(self._rooms.store.add_people, keys)
        return made

    def locate(self, values: list[tuple[int, bytes]]) -> list[int]:
        """The register-wide terms of (kind, value), in order."""
        locator = self._rooms.keyring.locator
        keys = {kind: locator(kind) for kind in {kind for kind, _ in values}}
        return [term(keys[kind], value) for kind, value in values]

    def cells(self, segment: str, values: list[bytes]) -> list[int]:
        """The numbers of cells of a segment's statistics, in order."""
        key = self._rooms.keyring.cells(segment)
        return [term(key, value) for value in values]

    def recognise(self, people: list[KnownPerson]) -> list[list[int]]:
        """Terms as these people's were made; empty where their keys are gone."""
        answers: list[list[int]] = []
        for person in people:
            try:
                searches = self._rooms.keyring.cohort(person.segment, person.cohort).searches
            except MissingKeyError:
                answers.append([])
            else:
                answers.append([term(searches[slot - 1], value) for slot, value in person.terms])
        return answers

    def prepare(self, changes: list[Change]) -> list[KeyGrant | Refusal]:
        """The keys of the next version of each record, of the compartments that change; or why not."""
        rows = self._rooms.store.people([change.key_id for change in changes])
        answers: list[KeyGrant | Refusal] = []
        prepared: list[tuple[int, int, int]] = []
        for change in changes:
            row = rows.get(change.key_id)
            answer = self._next_keys(change, row)
            answers.append(answer)
            if row is not None and isinstance(answer, KeyGrant):
                version = row.next_version()
                prepared.append((change.key_id, version, change.compartments))
                rows[change.key_id] = row._replace(issued=version)
        self._rooms.store.prepare_versions(prepared)
        return answers

    def confirm(self, versions: list[tuple[int, int]]) -> None:
        """Makes (key_id, version) the newest and destroys what they took the place of; once more is no harm."""
        self._rooms.store.confirm_versions(versions)
        self._rooms.store.forget_former([key_id for key_id, _ in versions])

    def _check_former(self, people: list[NewPerson]) -> None:
        """Nobody's key is destroyed but that of the person who leaves it."""
        moving = [(person, person.former) for person in people if person.former is not None]
        if not moving:
            return
        rows = self._rooms.store.people([former.key_id for _, former in moving])
        for person, former in moving:
            row = rows.get(former.key_id)
            if row is None:
                raise MissingKeyError
            owner = Owner(former.segment, former.cohort, person.person.bytes)
            open_key(self._rooms.keyring.cohort(owner.segment, owner.cohort).people, row.sealed, owner.bound())

    def _make(self, new: NewPerson) -> tuple[bytes, Enrolled]:
        """A key for one person: sealed for the store, and what the caller gets once it is stored."""
        owner = Owner(new.segment, new.cohort, new.person.bytes)
        cohort = self._rooms.keyring.provide_cohort(new.segment, new.cohort)
        person_key = os.urandom(KEY_BYTES)
        searches = cohort.searches
        terms = [term(searches[slot - 1], value) for slot, value in new.terms]
        self.last_key_id += 1
        sealed = seal_key(cohort.people, person_key, owner.bound())
        record = owner.record(new.version)
        keys = [compartment_key(person_key, domain, record, i) for i, domain in enumerate(cohort.domains)]
        return sealed, Enrolled(self.last_key_id, keys, terms)

    def _next_keys(self, change: Change, row: PersonRow | None) -> KeyGrant | Refusal:
        """The keys of a version to follow `change.version`, which must be the newest."""
        owner = Owner(change.segment, change.cohort, change.person.bytes)
        try:
            if row is None:
                raise MissingKeyError
            cohort = self._rooms.keyring.cohort(owner.segment, owner.cohort)
            person_key = open_key(cohort.people, row.sealed, owner.bound())
            if change.version != row.version:
                raise StaleVersionError
        except CloisonError as error:
            return Refusal.of(error)
        chosen = [bit for bit in bits(change.compartments) if bit < len(cohort.domains)]
        version = row.next_version()
        record = owner.record(version)
        keys = [compartment_key(person_key, cohort.domains[bit], record, bit) for bit in chosen]
        return KeyGrant(keys, [version] * len(keys))
