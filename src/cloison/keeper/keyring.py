"""The named keys, opened as they are needed and kept open; new ones are stored before anyone can use them."""

import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

from cloison.errors import MissingKeyError
from cloison.keeper.derive import KEY_BYTES, keyed
from cloison.keeper.messages import DIGEST_SLOT
from cloison.keeper.providers import RootKey
from cloison.keeper.store import KeyKind, KeyName, KeyStore

Opened = TypeVar("Opened")


class CohortKeys(NamedTuple):
    """What the people of one cohort need."""

    people: AESGCM  # seals their keys
    domains: list[HMAC]  # one a compartment
    searches: list[HMAC]  # one a slot, the first for slot 1; then digest and cell


class Keyring:
    """All keys but those of people."""

    def __init__(self, root: RootKey, store: KeyStore) -> None:
        """The keys of `store`, which `root` opens one by one."""
        self._root = root
        self._store = store
        self._sealed = store.secrets()
        self._open: dict[KeyName, AESGCM | HMAC | bytes] = {}
        self._cohorts: dict[tuple[str, int], CohortKeys] = {}
        self._searches: dict[tuple[str, int], list[HMAC]] = {}
        self.compartments = store.compartments()

    def cohorts(self) -> list[tuple[str, int]]:
        """(segment, cohort) of every cohort that has a key."""
        return [(name.segment, name.number) for name in self._sealed if name.kind is KeyKind.COHORT]

    def ticket(self) -> bytes:
        """The key that signs tickets."""
        return self._kept(KeyName(KeyKind.TICKET), bytes)

    def group(self) -> HMAC:
        """What makes the numbers of miss groups."""
        return self._kept(KeyName(KeyKind.GROUP), keyed)

    def cohort(self, segment: str, cohort: int) -> CohortKeys:
        """What the people of a cohort need; raises MissingKeyError."""
        keys = self._cohorts.get((segment, cohort))
        if keys is None:
            keys = self._cohorts[segment, cohort] = CohortKeys(
                people=self._kept(KeyName(KeyKind.COHORT, segment, cohort), AESGCM),
                domains=[self._kept(name, keyed) for name in self._domain_names(segment)],
                searches=[*self._year_searches(segment, cohort // 4), self.cells(segment)],
            )
        return keys

    def _year_searches(self, segment: str, year: int) -> list[HMAC]:
        return [self._kept(name, keyed) for name in _search_names(segment, year)]

    def searches(self, segment: str, slot: int) -> list[HMAC]:
        """What makes the terms of one slot, for each year that has cohorts, oldest first."""
        place = (segment, slot)
        if place not in self._searches:
            years = sorted({cohort // 4 for other, cohort in self.cohorts() if other == segment})
            names = [KeyName(KeyKind.SEARCH, segment, slot, year) for year in years]
            self._searches[place] = [self._kept(name, keyed) for name in names]
        return self._searches[place]

    def locator(self, kind: int) -> HMAC:
        """What makes register-wide terms of one kind, made at its first use."""
        name = KeyName(KeyKind.LOCATOR, number=kind)
        self.provide([name])
        return self._kept(name, keyed)

    def cells(self, segment: str) -> HMAC:
        """What makes the numbers of a segment's statistical cells, made at its first use."""
        name = KeyName(KeyKind.CELL, segment)
        self.provide([name])
        return self._kept(name, keyed)

    def provide_cohort(self, segment: str, cohort: int) -> CohortKeys:
        """What the people of a cohort need, made and stored where it does not exist."""
        name = KeyName(KeyKind.COHORT, segment, cohort)
        if name not in self._sealed:
            self.provide([*self._domain_names(segment), *_search_names(segment, cohort // 4), name])
            self._searches.clear()
        return self.cohort(segment, cohort)

    def provide(self, names: list[KeyName]) -> None:
        """Makes and stores those of `names` that do not exist, in one transaction."""
        missing = [name for name in names if name not in self._sealed]
        if missing:
            made = {name: self._root.seal(os.urandom(KEY_BYTES), name.bound()) for name in missing}
            self._store.add_secrets(made)
            self._sealed.update(made)

    def destroy_cohort(self, segment: str, cohort: int) -> bool:
        """Destroys a cohort's key, with a year's last cohort its search keys; False if there was none."""
        name = KeyName(KeyKind.COHORT, segment, cohort)
        if name not in self._sealed:
            return False
        names, year = [name], cohort // 4
        if (segment, year) not in {(s, c // 4) for s, c in self.cohorts() if (s, c) != (segment, cohort)}:
            names += _search_names(segment, year)
        self._store.destroy_secrets(names)
        for gone in names:
            self._sealed.pop(gone, None)
            self._open.pop(gone, None)
        self._searches.clear()
        self._cohorts.clear()
        return True

    def _domain_names(self, segment: str) -> list[KeyName]:
        return [KeyName(KeyKind.DOMAIN, segment, number) for number in range(self.compartments)]

    def _kept(self, name: KeyName, prepare: Callable[[bytes], Opened]) -> Opened:
        """The key called `name`, opened and prepared once; each kind of key is always prepared alike."""
        kept = self._open.get(name)
        if kept is None:
            sealed = self._sealed.get(name)
            if sealed is None:
                raise MissingKeyError
            kept = self._open[name] = prepare(self._root.open(sealed, name.bound()))  # type: ignore[assignment]
        return kept  # type: ignore[return-value]


def _search_names(segment: str, year: int) -> list[KeyName]:
    return [KeyName(KeyKind.SEARCH, segment, slot, year) for slot in range(1, DIGEST_SLOT + 1)]
