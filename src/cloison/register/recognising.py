"""Who is there already: is it the person a file speaks of, does it tell anything new, and what of their record?

The rules:

1. Somebody found by a locator is who the file says if the strongest proof that both have agrees: the term of NIR *and*
   birth date, else of identifier *and* birth date, made with that person's own keys. Where a weaker one speaks against
   it (a new identifier), name *and* birth date must agree too: else they are two people with one NIR.
2. What a source told once and tells again changes nothing, so that a correction made since then stays.
3. A compartment none of whose columns are in the file stays as it is. One that has only some of them cannot be sealed
   anew without losing the others: such a row is refused for somebody who is there.
4. The label goes with the compartments that it is made of: all of them, or none.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Self

from cloison.register.profile import Profile
from cloison.register.records import Record
from cloison.register.resealing import Register, Standing, known, query
from cloison.store import packed

COMPARE = (
    "select result from cloison.intake_compare_v1(%b::text[], %b::uuid[], %b::int4[], %b::int8[], %b::int8[]) "
    "order by ordinal"
)


class Told(NamedTuple):
    """What a file with certain columns tells of somebody.

    `whole`: it has every column of the profile. `mask`: the compartments it tells; None: it tells some in part.
    `slots`: the mask of the terms it tells. `missing`: the columns that are lacking for the rest.
    """

    whole: bool
    mask: int | None
    slots: int
    missing: tuple[str, ...]

    @classmethod
    def of(cls, profile: Profile, columns: Collection[str]) -> Self:
        """What these columns tell."""
        told, partly = set(), set()
        for compartment in profile.compartments[:-1]:
            names = [name for name, field in profile.fields.items() if field.compartment == compartment]
            present = [name in columns for name in names]
            if all(present) and names:
                told.add(compartment)
            elif any(present):
                partly.add(compartment)
        sources = {profile.fields[name].compartment for name in label_fields(profile)}
        mask = profile.mask(tuple(told)) | (profile.label_bit if sources <= told else 0)
        labelled_in_part = bool(sources & told) and not sources <= told
        lacking = [name for name in profile.fields if name not in columns]
        return cls(
            whole=not lacking,
            mask=None if partly or labelled_in_part else mask,
            slots=sum(1 << (search.slot - 1) for search in profile.searches if set(search.fields) <= {*columns}),
            missing=tuple(name for name in lacking if labelled_in_part or profile.fields[name].compartment in partly),
        )

    def mask_for(self, record: Record, standing: Standing) -> int | None:
        """The compartments to seal anew for somebody who stands there; None: the file does not tell enough."""
        if self.whole:
            return (1 << len(record.plain)) - 1
        goes = (record.segment, record.cohort) != (standing.segment, standing.cohort)
        return None if goes else self.mask


def label_fields(profile: Profile) -> set[str]:
    """The fields that a label is made of."""
    rule = profile.label
    return {name for name in (*(n for group in rule.name for n in group), rule.birth_year, rule.place) if name}


def proof_slots(profile: Profile) -> list[int]:
    """For each locator, strongest first, the slot that proves a second fact of whoever has it, if one does.

    Last the slot of several facts of which none is a locator, such as name and birth date; 0 where there is none.
    """
    several = [search for search in profile.searches if len(search.fields) > 1]
    slots = [next((s.slot for s in several if name in s.fields), 0) for name in profile.locators]
    named = next((s.slot for s in several if not set(s.fields) & set(profile.locators)), 0)
    return [*filter(None, slots), named]


async def recognise(register: Register, people: Sequence[tuple[Standing, Record]]) -> list[str]:
    """For each person found by a locator, in order, `same`, `changed` or `conflict`.

    Raises KeeperUnavailableError, DatabaseUnavailableError and DatabaseRefusedError.
    """
    slots = proof_slots(register.profile)
    hashed = await register.keeper.recognise([known(standing, record) for standing, record in people])
    proofs: list[int | None] = []
    digests: list[int | None] = []
    for (_, record), terms in zip(people, hashed, strict=True):
        by_slot = dict(zip((slot for slot, _ in record.terms), terms, strict=False))
        proofs += [by_slot.get(slot) for slot in slots]
        digests.append(terms[len(record.terms)] if terms else None)
    standings = [standing for standing, _ in people]
    arguments = ([s.segment for s in standings], [s.person for s in standings], slots, packed.int8s(proofs))
    return [result for (result,) in await query(register, COMPARE, (*arguments, packed.int8s(digests)))]
