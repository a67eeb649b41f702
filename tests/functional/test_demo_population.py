"""Who works in the demo's register and whom they follow."""

from collections import Counter
from datetime import date

import pytest

from cloison.register import synthetic
from cloison.replay.known_people import Known, read_people
from cloison.replay.population import (
    ADVISER_CASELOADS,
    APPOINTMENTS,
    OUTLIER,
    PARTNER_CASELOAD,
    Worker,
    relation_rows,
    segments_of,
    staff,
)
from cloison.replay.stage import Cast


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Known]:
    """The people of a synthetic file."""
    path = tmp_path_factory.mktemp("people") / "people.csv"
    synthetic.write(path, 40_000, seed=7, as_of=date(2026, 3, 1))
    return read_people(path)


@pytest.fixture(scope="module")
def workers(known: list[Known]) -> list[Worker]:
    """The staff of these people."""
    return staff(segments_of(known), 800)


def test_everybody_is_read(known: list[Known]) -> None:
    """The file's people come in its order, each with identifier, department and birth date."""
    assert len(known) == 40_000
    assert all(person.identifier and person.segment and person.birth_date for person in known)


def test_staff_live_where_people_do(known: list[Known], workers: list[Worker]) -> None:
    """Departments have accounts in proportion to their people, and none is without."""
    people = Counter(person.segment for person in known)
    accounts = Counter(worker.segment for worker in workers)
    assert accounts.keys() == people.keys()
    assert 700 <= len(workers) <= 900
    assert accounts.most_common(1)[0][0] == people.most_common(1)[0][0]


def test_all_roles_are_there(workers: list[Worker]) -> None:
    """Advisers are the most, and every role has its share."""
    roles = Counter(worker.role for worker in workers)
    assert roles.keys() == {"adviser", "benefits", "manager", "reception", "partner", "officer"}
    assert roles.most_common(1)[0][0] == "adviser"


def test_nobody_is_followed_twice(workers: list[Worker]) -> None:
    """One person, one adviser."""
    followed = Counter(identifier for worker in workers for identifier in worker.caseload)
    assert set(followed.values()) == {1}


def test_caseloads_have_real_sizes(workers: list[Worker]) -> None:
    """No caseload is larger than the real ones of its kind, and most in large departments are just that."""
    sizes = {len(worker.caseload) for worker in workers if worker.role == "adviser"}
    assert max(sizes) <= OUTLIER
    assert set(ADVISER_CASELOADS) & sizes
    assert max(len(w.caseload) for w in workers if w.role == "partner") <= PARTNER_CASELOAD


def test_roles_without_relations_follow_nobody(workers: list[Worker]) -> None:
    """Managers and officers have neither a caseload nor an appointment."""
    assert [w for w in workers if w.role in {"manager", "officer"} and (w.caseload or w.appointments)] == []


def test_appointments_are_of_today(workers: list[Worker]) -> None:
    """Rows of appointments name today, rows of caseloads hold until further notice."""
    reception = next(worker for worker in workers if worker.role == "reception" and worker.appointments)
    rows = list(relation_rows([reception], date(2026, 2, 28)))
    assert len(rows) == len(reception.appointments) <= APPOINTMENTS["reception"]
    assert {row[2:] for row in rows} == {("inbound", "2026-02-28", "2026-03-01")}


def test_stolen_accounts_of_one_scenario_follow_different_people(known: list[Known]) -> None:
    """Two stolen sessions are worth two caseloads."""
    segment = segments_of(known)[0]
    first, second = (Cast("partner", 92, 6).worker(f"stolen-{i}", segment, i) for i in range(2))
    assert len(first.caseload) == len(second.caseload) == 92
    assert not {*first.caseload} & {*second.caseload}
    assert first.appointments == first.caseload[:6]


def test_handles_are_unique(workers: list[Worker]) -> None:
    """No two accounts share a handle."""
    assert len({worker.handle for worker in workers}) == len(workers)
