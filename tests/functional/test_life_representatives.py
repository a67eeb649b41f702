"""Who speaks for whom, over HTTP; who signs in and who is written to, as later doors will ask."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from support.api import problem
from support.desk import RunningRegister
from support.life import Life, entries, living, one

TODAY = datetime.now().astimezone().date()
CHILD, TEENAGER = f"{TODAY.year - 10}-01-01", f"{TODAY.year - 17}-01-01"


def body(representative: object, kind: str = "parent", **changes: object) -> dict[str, Any]:
    """A well-formed representative."""
    given = {"representative": str(representative), "kind": kind, "signs_in": True, "receives_notices": True}
    return {"purpose": "correction", **given, **changes}


def put(life: Life, person: object, wanted: dict[str, Any]) -> dict[str, Any]:
    """Set a representative."""
    return life.did("PUT", f"/v1/people/{person}/representatives", wanted)


def asked(register: RunningRegister, function: str, person: object, *, minor: bool) -> set[UUID]:
    """Whom one of the functions for later doors names."""
    statement = f"select coalesce(array_agg(person), '{{}}') from cloison.{function}('59', %s, %s)"  # noqa: S608 - ours
    return set(one(register, statement, person, minor))


def test_a_parent_signs_in_and_is_written_to_for_a_child(register: RunningRegister) -> None:
    """Until 16 the child does not sign in alone; from 18 on a parent has no say any more."""
    with living(register) as life:
        child, parent = life.bring_in(birth_date=CHILD), life.bring_in()
        assert asked(register, "who_signs_in_v1", child, minor=True) == set()
        assert put(life, child, body(parent))["outcome"] == "set"
        assert asked(register, "who_signs_in_v1", child, minor=True) == {parent}
        assert asked(register, "who_receives_notices_v1", child, minor=True) == {parent}
        assert asked(register, "who_signs_in_v1", child, minor=False) == {child}
        assert asked(register, "who_receives_notices_v1", child, minor=False) == {child}
        assert ("representative_set", "open") in [entry[:2] for entry in entries(register, child)]
        assert ("person_read", "open") in [entry[:2] for entry in entries(register, parent)]


def test_the_answer_says_who_is_old_enough(register: RunningRegister) -> None:
    """A child of ten does not sign in alone, somebody of seventeen does."""
    with living(register) as life:
        child, teenager, parent = life.bring_in(birth_date=CHILD), life.bring_in(birth_date=TEENAGER), life.bring_in()
        assert put(life, child, body(parent))["signs_in_alone"] is False
        assert put(life, teenager, body(parent))["signs_in_alone"] is True


def test_a_curator_of_an_adult(register: RunningRegister) -> None:
    """Both are written to; who signs in is the person, and the curator only where it was said."""
    with living(register) as life:
        adult, curator = life.bring_in(), life.bring_in()
        assert put(life, adult, body(curator, "curator", signs_in=False))["outcome"] == "set"
        assert asked(register, "who_signs_in_v1", adult, minor=False) == {adult}
        assert asked(register, "who_receives_notices_v1", adult, minor=False) == {adult, curator}
        assert (
            life.did("DELETE", f"/v1/people/{adult}/representatives/{curator}?purpose=correction")["outcome"] == "ended"
        )
        assert asked(register, "who_receives_notices_v1", adult, minor=False) == {adult}
        again = life.did("DELETE", f"/v1/people/{adult}/representatives/{curator}?purpose=correction")
        assert again == {"outcome": "scope"}


def test_who_cannot_represent(register: RunningRegister) -> None:
    """Nobody under age, no parent of an adult, not oneself; the refusal names nobody."""
    with living(register) as life:
        adult, child, other = life.bring_in(), life.bring_in(birth_date=CHILD), life.bring_in()
        for person, wanted in (
            (adult, body(child, "proxy")),
            (adult, body(other, "parent")),
            (adult, body(adult, "proxy")),
        ):
            answer = life.send("PUT", f"/v1/people/{person}/representatives", wanted)
            problem(answer, 409, "representative_refused")
            assert CHILD not in answer.text
        wrong = life.send("PUT", f"/v1/people/{adult}/representatives", body(other, "proxy", **{"from": "soon"}))
        assert problem(wrong, 400, "malformed_request").path == "$.from"


def test_a_stranger_is_made_nobodys_representative(register: RunningRegister) -> None:
    """Both must be within reach, and a stranger is answered like nobody."""
    with living(register) as theirs, living(register) as life:
        stranger, mine = theirs.bring_in(), life.bring_in()
        nobody = "00000000-0000-4000-8000-000000000000"
        for pair in ((mine, stranger), (stranger, mine), (mine, nobody)):
            assert put(life, pair[0], body(pair[1], "proxy")) == {"outcome": "scope"}
        assert life.did("DELETE", f"/v1/people/{stranger}/representatives/{mine}?purpose=correction") == {
            "outcome": "scope"
        }


def test_a_time_to_come_and_a_time_over(register: RunningRegister) -> None:
    """A representation holds from its beginning to its end only."""
    with living(register) as life:
        adult, proxy = life.bring_in(), life.bring_in()
        tomorrow = (datetime.now().astimezone() + timedelta(days=1)).isoformat()
        put(life, adult, body(proxy, "proxy", **{"from": tomorrow}))
        assert asked(register, "who_signs_in_v1", adult, minor=False) == {adult}
        put(life, adult, body(proxy, "proxy", until=tomorrow))
        assert asked(register, "who_signs_in_v1", adult, minor=False) == {adult, proxy}


def test_a_representative_goes_along_with_moves_and_merges(register: RunningRegister) -> None:
    """Who speaks for somebody does so wherever they go, and under whatever number."""
    with living(register) as life, living(register, 0, "manager") as approves:
        adult, proxy, double = life.bring_in(), life.bring_in(), life.bring_in()
        put(life, adult, body(proxy, "proxy"))
        merge = life.merge(double, proxy)["merge"]
        approves.did("POST", f"/v1/merges/{merge}/approve")
        assert asked(register, "who_signs_in_v1", adult, minor=False) == {adult, double}
        life.change(adult, commune="75056")
        statement = "select array_agg(person) from cloison.who_signs_in_v1('75', %s, false)"
        assert set(one(register, statement, adult)) == {adult, double}
