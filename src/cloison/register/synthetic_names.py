"""Names of fictional people: those of their household, their decade and, for a few, of somebody else.

A share of people are homonyms (assumed): the same birth name, first name, sex and birth date as somebody who lives
elsewhere. A register of 43 million has them by itself, one of 10,000 would not.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloison.register.synthetic_lives import DAYS_A_YEAR, HEAD, PARTNER, RELATIVE, SPACE, Households, Lives, years
from cloison.register.synthetic_tables import Tables, decade_group

WOMAN = 2  # as in a NIR
HOMONYM_CANDIDATES, HOMONYM_REACH = 0.009, 2_000  # share of people; rows before them where their namesake stands
OTHER_SEX_SHARE = 0.96  # of couples
SPOUSE_NAME_SHARE = 0.5  # of women of a couple; who bear it beside the name of their birth
OTHER_NAME_SHARES = (0.02, 0.25)  # men and women with a usage name that nobody of the household explains
NUMBER_SHARES = (0.35, 0.40, 0.25)  # one first name, two, three

Numbers = NDArray[np.int64]


class Namesakes(msgspec.Struct, frozen=True):
    """Homonyms: the rows of people, and of those whose name and birth date they share."""

    rows: Numbers
    of: Numbers


class Names(msgspec.Struct, frozen=True):
    """Rows of the tables of names: `usage`, `second` and `third` are -1 where there is none."""

    birth: Numbers
    usage: Numbers
    first: Numbers
    second: Numbers
    third: Numbers


def sexes(rng: np.random.Generator, homes: Households) -> Numbers:
    """1 or 2 for each person; most couples are of both."""
    sex = rng.integers(1, 3, len(homes.head))
    other = (homes.kin == PARTNER) & (rng.random(len(sex)) < OTHER_SEX_SHARE)
    return np.asarray(np.where(other, 3 - sex[homes.head], sex))


def make_namesakes(rng: np.random.Generator, homes: Households, lives: Lives, sex: Numbers) -> Namesakes:
    """Choose homonyms among people who live alone, and give them the sex and birth date that they share."""
    n = len(sex)
    alone = (np.bincount(homes.head, minlength=n) == 1) & (homes.kin == HEAD)
    chosen = alone & (rng.random(n) < HOMONYM_CANDIDATES)
    rows = np.flatnonzero(chosen)
    of = rows - rng.integers(1, HOMONYM_REACH, len(rows))
    age = np.full(len(rows), -1.0)
    found = of >= 0
    start = np.where(lives.category == SPACE, lives.space_used, lives.registered)
    age[found] = (start[rows[found]] - lives.birth[of[found]]).astype(np.int64) / DAYS_A_YEAR
    fits = (age >= 16.1) & (age < 65) & ~chosen[of]  # noqa: PLR2004 - as in the rules of synthetic_lives, a little inside
    lives.birth[rows[fits]] = lives.birth[of[fits]]
    sex[rows[fits]] = sex[of[fits]]
    return Namesakes(rows[fits], of[fits])


def names(
    rng: np.random.Generator, tables: Tables, people: tuple[Households, Lives, Numbers], namesakes: Namesakes
) -> Names:
    """Names for people whose households, lives and sex are known."""
    homes, lives, sex = people
    n = len(sex)
    everybody = np.zeros(n, np.int64)
    birth, other = (tables.surnames.draw(rng, everybody) for _ in range(2))
    born = years(lives.birth)
    own, older = decade_group(sex, born), decade_group(sex, born - 10)  # second names are an older generation's
    first, second, third = (tables.first_names.draw(rng, group) for group in (own, older, older))
    birth, spouse = _family(homes, sex, birth)
    usage = np.where(
        (spouse >= 0) & (sex == WOMAN),
        np.where(rng.random(n) < SPOUSE_NAME_SHARE, spouse, -1),
        np.where(rng.random(n) < np.array(OTHER_NAME_SHARES)[sex - 1], other, -1),
    )
    number = rng.choice(3, n, p=NUMBER_SHARES)
    birth[namesakes.rows] = birth[namesakes.of]
    first[namesakes.rows] = first[namesakes.of]
    return Names(birth, usage, first, np.where(number >= 1, second, -1), np.where(number > 1, third, -1))


def _family(homes: Households, sex: Numbers, birth: Numbers) -> tuple[Numbers, Numbers]:
    """Birth names, relatives having the family's; and the birth name of each one's partner, -1 for none."""
    partner = np.flatnonzero(homes.kin == PARTNER)
    head = homes.head[partner]
    spouse = np.full(len(birth), -1, np.int64)
    spouse[partner], spouse[head] = birth[head], birth[partner]
    family = birth.copy()
    fathers = head[sex[head] == WOMAN]  # their partner's name is the children's
    family[fathers] = spouse[fathers]
    return np.where(homes.kin == RELATIVE, family[homes.head], birth), spouse
