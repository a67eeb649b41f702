"""Which stage follows which, where its functions are called and with what; no I/O."""

from uuid import UUID

import pytest

from cloison.model import OpenRequest
from cloison.store.stages import Asked, Lease, Stage, began, calls, given, lend_again

REQUEST = OpenRequest(UUID(int=1), UUID(int=2), 3, 4)
TOKEN = b"t" * 32
PLAIN, UNDER_CAP = ("lease", b"mac", None), ("lease", b"mac", "00")


def at(stage: Stage, lease: Lease | None = None) -> Asked:
    """A request of an account at home in 59 for somebody of 62, this far."""
    return Asked("59", TOKEN, "62", REQUEST, stage, lease)


@pytest.mark.parametrize(
    ("segment", "leased", "stage"),
    [("59", False, Stage.OPEN), ("59", True, Stage.LEND), ("62", False, Stage.LEND), ("62", True, Stage.LEND)],
)
def test_first_stage(segment: str, leased: bool, stage: Stage) -> None:  # noqa: FBT001 - a parameter of the test
    """Somebody at home is opened at once, unless the organisation has a cap; everybody else needs a lease."""
    assert began("59", TOKEN, segment, REQUEST, leased=leased).stage is stage


def test_walk_without_a_cap() -> None:
    """A lease at home, then the charge in the person's segment, which gives the record out."""
    lent = given(at(Stage.LEND), (1, *PLAIN))
    assert lent == at(Stage.LENT, Lease(*PLAIN))
    assert lent is not None
    assert lent.place == "62"
    assert given(lent, (1, UUID(int=2))) is None


def test_walk_with_a_cap() -> None:
    """Between the two the organisation's ledger counts and signs, in a segment of its own."""
    lent = given(at(Stage.LEND), (1, *UNDER_CAP))
    assert lent is not None
    assert (lent.stage, lent.place) == (Stage.CAP, "00")
    counted = given(lent, (1, "capped", b"other"))
    assert counted == at(Stage.LENT, Lease("capped", b"other", None))


def test_lease_asked_for_anew() -> None:
    """Whose lease has expired begins at home again, without it."""
    assert lend_again(at(Stage.LENT, Lease(*PLAIN))) == at(Stage.LEND)
    assert at(Stage.LEND).place == "59"


@pytest.mark.parametrize("stage", Stage)
def test_calls_of_a_stage(stage: Stage) -> None:
    """Both calls go to the stage's segment, or to each request's home, and have as many values as they take."""
    group = [at(stage, Lease(*UNDER_CAP))] * 3
    for statement, values in calls(group):
        assert statement.count("%b") == len(values)
        assert values[0] == (["59"] * 3 if stage is Stage.OPEN else group[0].place)
        assert {len(column) for column in values[1:]} == {3}
