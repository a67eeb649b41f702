"""From a number that names somebody to what the register knows it by: read from a file or a prompt, never an argument.

What stands on a command line stays in the shell's history and is seen by everybody on the machine. The keeper turns the
number into a keyed hash; the number itself is stored nowhere.
"""

import csv

from cloison.errors import ImportFileError
from cloison.register.fields import InvalidValueError, check
from cloison.register.files import delimiter_of
from cloison.register.intake import Register
from cloison.register.profile import Profile
from cloison.register.terms import locator_inputs

NO_DATE = ""  # locators are no dates, so that today does not matter


def read_numbers(text: str, name: str, profile: Profile) -> dict[str, str]:
    """The locators of one person in `text`: CSV with their names and one row, or one value, of the locator `name`.

    Raises ImportFileError, which repeats nothing of the text.
    """
    if name not in profile.locators:
        raise ImportFileError(reason=f"people are known by {', '.join(profile.locators)}")
    lines = text.splitlines()
    try:
        found = csv.reader(lines, delimiter=delimiter_of(lines[0] if lines else ""), strict=True)
        rows = [[cell.strip() for cell in row] for row in found if any(row)]
    except csv.Error:
        raise ImportFileError(reason="it is not CSV") from None
    if len(rows) == 1 and len(rows[0]) == 1:
        rows.insert(0, [name])
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or not set(rows[0]) <= set(profile.locators):  # noqa: PLR2004 - a header and a row
        raise ImportFileError(reason=f"it needs one value, or the columns {', '.join(profile.locators)} and one row")
    return {column: _checked(profile, column, value) for column, value in zip(*rows, strict=True) if value}


async def locate(register: Register, numbers: dict[str, str]) -> dict[int, int]:
    """Kind and keyed hash of each number, as the keeper computes it."""
    inputs = locator_inputs(register.profile, numbers)
    return dict(zip((kind for kind, _ in inputs), await register.keeper.locate(inputs), strict=True))


def _checked(profile: Profile, name: str, value: str) -> str:
    try:
        return check(profile.fields[name], value, today=NO_DATE)
    except InvalidValueError as error:
        raise ImportFileError(reason=f"{name}: {error.reason}") from None
