"""Columns that stand under one another's names: what a header cannot show, the first rows do. No I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from cloison.errors import ImportFileError
from cloison.register.fields import InvalidValueError, Reason, check
from cloison.register.profile import FieldType, Profile
from cloison.register.records import Reject

VALUES_LEAST = 100  # of a field, before anything is said of it
REFUSED_SHARE = 0.95
VALUES_TRIED = 50
FITTING_SHARE = 0.9


def looks_swapped(columns: Mapping[str, Sequence[str]], rejects: Iterable[Iterable[Reject]]) -> tuple[str, ...]:
    """The fields of which nearly every value is refused; empty if there is none, or too few values to say.

    To be asked once, of the file's first chunk: its columns, and the reasons of each row refused. 10 % bad rows are a
    file with bad rows; 95 % of one column are another column, or dates and words that need a mapping. A field that
    nearly every row lacks is told too. Two columns of free text that are swapped are not seen: no check tells a birth
    name from a usage name.
    """
    refused: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for reasons in rejects:
        for reject in reasons:
            (missing if reject.reason is Reason.MISSING else refused)[reject.field] += 1
    rows = max(map(len, columns.values()), default=0)
    filled = {field: len(values) - values.count("") for field, values in columns.items()}
    return (
        *(field for field, values in filled.items() if _nearly_all(refused[field], values)),
        *(field for field in missing if _nearly_all(missing[field], rows)),
    )


def swapped_error(
    fields: Sequence[str], columns: Mapping[str, Sequence[str]], profile: Profile, *, today: str
) -> ImportFileError:
    """What to tell about `fields`, which `looks_swapped` found: with the column that holds them, where one does."""
    told = [f"nearly every value of {', '.join(fields)} is refused"]
    for field in fields:
        homes = [name for name in columns if name != field and _fits(columns[name], field, profile, today)]
        if homes:
            told.append(f"{field} seems to stand under {' or '.join(homes)}")
    told.append("are columns swapped, or do dates or words need a mapping file (--mapping)? Nobody was imported")
    return ImportFileError(reason="; ".join(told))


def _nearly_all(count: int, values: int) -> bool:
    return values >= VALUES_LEAST and count >= REFUSED_SHARE * values


def _fits(values: Sequence[str], field: str, profile: Profile, today: str) -> bool:
    rules = profile.fields.get(field)
    if rules is None or rules.type is FieldType.TEXT:  # several fields at once, or one that everything fits
        return False
    some = [value for value in values if value][:VALUES_TRIED]
    fitting = 0
    for value in some:
        try:
            check(rules, value, today=today)
        except InvalidValueError:
            continue
        fitting += 1
    return fitting > 0 and fitting >= FITTING_SHARE * len(some)
