"""Who works for fictional people: agencies, partner bodies, accounts. Figures are scaled down with the people.

The rules:

1. 900 agencies for 43 million people; each department with people has one at least. A department's communes are divided
   among its agencies by population; a large one among several.
2. An agency has as many advisers as its registered people need. Caseloads have the real sizes of mid-2024 (reinforced
   92, guided 224, followed 432; outliers to 1,125); how many advisers have which is assumed, so that 37,000 of them
   follow everybody. A small agency has fewer full caseloads, not smaller ones.
3. Beside 37,000 advisers there are 19,000 others: benefits, reception, managers, officers. Their shares are assumed.
4. Who needs an adapted follow-up is followed by a partner body's office in their department, where there are enough of
   them, and in the largest. There are 98 bodies for 43 million people, three at least; departments are divided among
   them in their order.
5. A handle is made of role, department and number. Nobody of the staff has a name.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloison.register.synthetic_lives import CATEGORY_SHARES, REGISTERED
from cloison.register.synthetic_tables import Tables

PEOPLE_OF_ALL = 43_000_000
AGENCIES, BODIES, BODIES_LEAST = 900, 98, 3
SERVICE, NATIONAL = "Service public de l'emploi", "national"
ADAPTED_SHARE = 0.05  # of the registered; as synthetic_people draws it
OFFICE_PEOPLE_LEAST = 20  # of whom a partner's office is opened

REINFORCED, GUIDED, FOLLOWED, OUTLIER_LEAST, OUTLIER = 92, 224, 432, 600, 1_125
SIZES = np.array([REINFORCED, GUIDED, FOLLOWED])
SIZE_SHARES = (0.46, 0.425, 0.11, 0.005)  # the last are outliers
SIZE_SPREAD = 0.12  # of the logarithm
PARTNER_SIZE = REINFORCED
# accounts beside one adviser: 19,000 to 37,000
BESIDE = {"benefits": 0.245, "reception": 0.14, "manager": 0.11, "officer": 0.018}
BESIDE_PARTNER = {"manager": 0.11}
HOTLINE_OF_ALL = 200  # assumed
PREFIXES = {
    "adviser": "adv", "partner": "par", "benefits": "ben", "reception": "rec", "manager": "man", "officer": "off",
    "dpo": "dpo", "hotline": "hot",
}  # fmt: skip
STREAM = 1_000_003  # of random numbers, apart from those of people

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Agency(msgspec.Struct, frozen=True):
    """A local office; `segment` is its department, `advisers` the sizes of the caseloads that they can have."""

    name: str
    organisation: str
    segment: str
    advisers: list[int]


class Worker(msgspec.Struct, frozen=True):
    """An account: its handle, the number of its agency, and its role."""

    handle: str
    agency: int
    role: str


class Workforce(msgspec.Struct, frozen=True):
    """Everybody who works for these people, agency after agency, an agency's advisers first.

    `area_from` and `area_until` say, for each commune, which part of the row of agencies is its people's; `office` is,
    for each department, the number of the partner's office, or -1.
    """

    agencies: list[Agency]
    workers: list[Worker]
    area_from: Floats
    area_until: Floats
    office: Numbers


def workforce(count: int, seed: int, tables: Tables) -> Workforce:
    """The staff of `count` people who live where the tables let them."""
    rng = np.random.default_rng([seed, STREAM])
    registered = count * CATEGORY_SHARES[REGISTERED]
    weight = tables.weights / tables.weights.sum()
    of_department = np.bincount(tables.department, weight).astype(np.float64)
    share = AGENCIES * count / PEOPLE_OF_ALL * of_department
    number = np.maximum(np.round(share), of_department > 0).astype(np.int64)
    area = _areas(weight, tables.department, of_department, number)
    adapted: Floats = registered * ADAPTED_SHARE * of_department
    largest = np.argsort(-adapted, kind="stable")[:BODIES_LEAST]
    with_office = adapted >= OFFICE_PEOPLE_LEAST
    with_office[largest] = adapted[largest] >= 1
    followed = registered * of_department - np.where(with_office, adapted, 0)
    need = np.repeat(followed / np.maximum(number, 1), number)
    segments = np.repeat(np.array(tables.departments, dtype=object), number)
    agencies = _agencies(rng, segments.tolist(), need)
    offices = _offices(rng, np.array(tables.departments)[with_office].tolist(), adapted[with_office], count)
    office = np.where(with_office, len(agencies) + np.cumsum(with_office) - 1, -1)
    agencies += offices
    workers = _workers(agencies)
    if agencies:
        home = tables.departments[largest[0]]
        workers += _national(len(agencies), home, count)
        agencies.append(Agency(NATIONAL, SERVICE, home, []))
    return Workforce(agencies, workers, *area, office)


def _areas(weight: Floats, department: Numbers, of_department: Floats, number: Numbers) -> tuple[Floats, Floats]:
    """Where each commune lies in the row of all agencies, as two numbers of them."""
    before = np.cumsum(of_department) - of_department
    first = np.cumsum(number) - number
    until = np.cumsum(weight) - before[department]
    scale = (number / np.where(of_department > 0, of_department, 1))[department]
    last = (first + number)[department] - 1e-9  # nobody of a department reaches the next one's agencies
    area_until = np.minimum(first[department] + until * scale, last)
    return np.minimum(first[department] + np.maximum(until - weight, 0) * scale, last), area_until


def _agencies(rng: np.random.Generator, segments: list[str], need: Floats) -> list[Agency]:
    largest = int(need.argmax()) if len(need) else -1
    found, in_segment = [], dict.fromkeys(segments, 0)
    for number, segment in enumerate(segments):
        sizes = _sizes(rng, need[number])
        if number == largest and need[number] >= 1.5 * OUTLIER:
            sizes[0] = OUTLIER
        in_segment[segment] += 1
        name = f"{segment}-{in_segment[segment]:02d}"
        found.append(Agency(name, SERVICE, segment, _enough(sizes, need[number])))
    return found


def _sizes(rng: np.random.Generator, people: float) -> Numbers:
    """More caseloads than so many people need."""
    count = int(people / REINFORCED) + 2
    kind = rng.choice(4, count, p=SIZE_SHARES)
    spread = np.exp(rng.normal(-(SIZE_SPREAD**2) / 2, SIZE_SPREAD, count))
    outlier = OUTLIER_LEAST + (OUTLIER - OUTLIER_LEAST) * rng.random(count)
    sizes = np.where(kind == len(SIZES), outlier, SIZES[np.minimum(kind, len(SIZES) - 1)] * spread)
    return np.round(sizes).astype(np.int64)


def _enough(sizes: Numbers, people: float) -> list[int]:
    """The first of these caseloads that hold so many people; one at least."""
    needed = int(np.searchsorted(np.cumsum(sizes), people)) + 1
    return [int(size) for size in sizes[:needed]]


def _offices(rng: np.random.Generator, segments: list[str], need: Floats, count: int) -> list[Agency]:
    """A partner body's office in each of these departments."""
    bodies = max(BODIES_LEAST, round(BODIES * count / PEOPLE_OF_ALL))
    groups = [
        group.tolist() for group in np.array_split(np.array(segments, dtype=object), min(bodies, len(segments) or 1))
    ]
    body = {segment: f"Cap Emploi {group[0]}" for group in groups for segment in group}
    found = []
    for segment, people in zip(segments, need, strict=True):
        spread = np.exp(rng.normal(0, SIZE_SPREAD, int(people / PARTNER_SIZE) * 2 + 2))
        sizes = np.round(PARTNER_SIZE * spread).astype(np.int64)
        found.append(Agency(f"CE-{segment}", body[segment], segment, _enough(sizes, float(people))))
    return found


def _workers(agencies: list[Agency]) -> list[Worker]:
    """Accounts agency by agency; roles that are less than one in an agency come in turn."""
    handles = Handles()
    lag: dict[tuple[str, str], float] = {}
    found = []
    for number, agency in enumerate(agencies):
        ours = agency.organisation == SERVICE
        role = "adviser" if ours else "partner"
        found += [handles.worker(number, agency.segment, role) for _ in agency.advisers]
        for beside, share in (BESIDE if ours else BESIDE_PARTNER).items():
            due = lag.get((role, beside), 0.5) + share * len(agency.advisers)
            found += [handles.worker(number, agency.segment, beside) for _ in range(int(due))]
            lag[role, beside] = due - int(due)
    return found


def _national(agency: int, segment: str, count: int) -> list[Worker]:
    handles = Handles()
    hotline = max(1, round(HOTLINE_OF_ALL * count / PEOPLE_OF_ALL))
    return [handles.worker(agency, segment, role) for role in ("dpo", *["hotline"] * hotline)]


class Handles:
    """Numbers accounts within role and department."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._given: dict[tuple[str, str], int] = {}

    def worker(self, agency: int, segment: str, role: str) -> Worker:
        """The next account of a role in a department."""
        number = self._given[segment, role] = self._given.get((segment, role), 0) + 1
        return Worker(f"{PREFIXES[role]}-{segment}-{number:04d}", agency, role)
