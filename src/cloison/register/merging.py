"""What two records of one person become, and what each is again when the merge is taken back. No I/O.

The rules:

1. Two different definitive values of the first locator (jobseekers-fr: the NIR) are two people: no merge.
2. The survivor is the one with the definitive one; a provisional one gives way only by a correction.
3. The survivor takes each field that it lacks, and remembers which; what it has stays.
4. Taken back, it gives up those fields that still hold what it took. What was corrected since stays.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cloison.errors import MergeRefusedError
from cloison.register.profile import Profile


class Merged(NamedTuple):
    """The survivor's values, and the numbers of the fields, in the profile's order, that come from the other."""

    values: dict[str, str]
    filled: list[int]


def merged(profile: Profile, survivor: Mapping[str, str], absorbed: Mapping[str, str]) -> Merged:
    """Rules 1 to 3; raises MergeRefusedError."""
    first = profile.locators[0]
    ours, theirs = survivor.get(first), absorbed.get(first)
    definitive = [value for value in (ours, theirs) if value and not is_provisional(profile, value)]
    if len(set(definitive)) > 1:
        raise MergeRefusedError(reason=f"both have a definitive {first}, and they differ")
    if ours and theirs and is_provisional(profile, ours) and definitive:
        raise MergeRefusedError(reason=f"the survivor must be the one with the definitive {first}")
    filled = [number for number, name in enumerate(profile.fields) if name in absorbed and name not in survivor]
    return Merged({**absorbed, **survivor}, filled)


def unmerged(
    profile: Profile, survivor: Mapping[str, str], absorbed: Mapping[str, str], filled: Iterable[int]
) -> dict[str, str]:
    """Rule 4: the survivor's values without those that it took and still has."""
    names = list(profile.fields)
    taken = {names[number] for number in filled}
    return {name: value for name, value in survivor.items() if name not in taken or absorbed.get(name) != value}


def is_provisional(profile: Profile, value: str) -> bool:
    """Whether a value of the first locator is one that a definitive one will take the place of."""
    return value.startswith(profile.provisional)
