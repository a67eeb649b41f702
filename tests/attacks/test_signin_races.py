"""At the same instant: two signatures, a signature and a refusal, two acts for one place or one name."""

from functools import partial
from uuid import uuid4

import psycopg
from support.database import Database
from support.signing import accounts, asked, at_once, member, newcomer, refuse, sign

pytest_plugins = ["support.signing_fixtures"]


def test_approval_race(shared: Database, login: psycopg.Connection) -> None:
    """Of two who sign at the same instant one completes the act, and it is done once."""
    anna, ben, carla = member(shared), member(shared), member(shared)
    for _ in range(5):
        details = newcomer()
        act = asked(login, anna, "account.create", **details)
        answers = at_once(shared, partial(sign, who=ben, act=act), partial(sign, who=carla, act=act))
        assert sorted(map(str, answers)) == ["done", "settled"]
        assert accounts(shared, details["handle"]) == 1


def test_race_of_a_signature_and_a_refusal(shared: Database, login: psycopg.Connection) -> None:
    """One of them holds: an act is never refused and done."""
    anna, ben, carla = member(shared), member(shared), member(shared)
    for _ in range(5):
        details = newcomer()
        act = asked(login, anna, "account.create", **details)
        answers = at_once(shared, partial(sign, who=ben, act=act), partial(refuse, who=carla, act=act))
        assert answers in (["done", False], ["settled", True])
        assert accounts(shared, details["handle"]) == (1 if answers[0] == "done" else 0)


def test_race_for_the_last_place_of_an_agreement(shared: Database, login: psycopg.Connection) -> None:
    """Two acts that would both be the last account of an agreement: one is done, the other is not signed."""
    manager, anna, ben = member(shared, "manager", "Small"), member(shared), member(shared)
    shared.owner.execute(
        "update cloison.agreement set accounts_most = 2 where organisation = %s", (manager.organisation,)
    )
    first, second = (asked(login, manager, "account.create", **newcomer()) for _ in range(2))
    answers = at_once(shared, partial(sign, who=anna, act=first), partial(sign, who=ben, act=second))
    assert sorted(map(str, answers)) == ["CL013", "done"]


def test_race_for_a_handle(shared: Database, login: psycopg.Connection) -> None:
    """Two acts at the same instant do not make two accounts of one handle, in other segments neither."""
    askers = [member(shared, "manager", name) for name in ("First", "Second")]
    signers = [member(shared) for _ in askers]
    for number in range(8):
        handle = f"twin{number}"
        waiting = [
            asked(login, who, "account.create", **newcomer(handle, segment=segment))
            for who, segment in zip(askers, ("59", "62"), strict=True)
        ]
        answers = at_once(
            shared,
            partial(sign, who=signers[0], act=waiting[0]),
            partial(sign, who=signers[1], act=waiting[1]),
        )
        assert sorted(map(str, answers)) == ["23505", "done"]
        assert accounts(shared, handle) == 1


def test_an_act_that_is_not_there(shared: Database, login: psycopg.Connection) -> None:
    """A made-up act is told as one that is not one's to sign."""
    anna = member(shared)
    assert sign(login, anna, uuid4()) == "scope"
    assert refuse(login, anna, uuid4()) is False
