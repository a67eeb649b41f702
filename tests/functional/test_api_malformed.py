"""Requests that cannot be read: each is a 400 that says where, never what stood there, and charges nobody."""

from typing import Any
from uuid import uuid4

import pytest
from support.api import PURPOSE, Api, calling, problem, wanted
from support.desk import RunningRegister

from cloison.client import Credentials
from cloison.store.pools import connect

SECRET = "Zyxwvu"  # stands for what somebody types: it must come back nowhere
OPEN, SEARCH = "/v1/people/open", "/v1/people/search"


@pytest.fixture(scope="module")
def held(register: RunningRegister) -> Credentials:
    """The session of an account that is charged nothing here."""
    return register.agent(0).held


def refused(register: RunningRegister, who: Credentials, path: str, body: object) -> str | None:
    """The path of the problem with which `body` is refused."""
    with calling(register, who) as api:
        answer = api.post(path, body)
        assert SECRET not in answer.text
        return problem(answer, 400, "malformed_request").path


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"purpose": "follow_up"',
        b"not json",
        b"null",
        b"[]",
        b'"Zyxwvu"',
        b"12",
        b'{"purpose": "follow_up"} Zyxwvu',
        b'\xff\xfe{"purpose": 1}',
        b'{"purpose": "follow_up", "email": "\xff@example.org"}',
        b'{"purpose": "follow_up", "email": "\\ud800"}',
        b"[" * 60_000,
        b'{"requests":' * 5_000,
        b'{"email":' + b"[" * 50_000,
    ],
)
@pytest.mark.parametrize("path", [OPEN, SEARCH])
def test_malformed_json_is_refused(register: RunningRegister, held: Credentials, path: str, body: bytes) -> None:
    """What is no JSON, no object, cut off, wrongly encoded or nested without end is refused, and the desk lives on."""
    refused(register, held, path, body)
    with calling(register, held) as api:
        assert api.http.get("/v1/session").status_code == 200


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"purpose": SECRET}, "$.purpose"),
        ({"purpose": 0}, "$.purpose"),
        ({"purpose": None}, "$.purpose"),
        ({"segment": "59; drop"}, "$.segment"),
        ({"segment": "59\n"}, "$.segment"),
        ({"segment": "59\0"}, "$.segment"),
        ({"segment": ""}, "$.segment"),
        ({"segment": "5" * 17}, "$.segment"),
        ({"segment": 59}, "$.segment"),
        ({"email": 7}, "$.email"),
        ({"email": [SECRET]}, "$.email"),
        ({"email": "a" * 301}, "$.email"),
        ({SECRET: 1}, "$"),
        ({f"{SECRET} - at `$.email": 1}, "$.email"),
        ({f"a - at `$.{SECRET.lower()}": 1}, "$"),
        ({"person": SECRET}, "$"),
    ],
)
def test_malformed_search_says_where(
    register: RunningRegister, held: Credentials, changes: dict[str, Any], path: str
) -> None:
    """Each wrong type, form or name in a search is named by its path."""
    body = {"purpose": PURPOSE, **({} if "email" in changes else {"email": "a@example.org"}), **changes}
    assert refused(register, held, SEARCH, body) == path


def test_missing_purpose_is_refused(register: RunningRegister, held: Credentials) -> None:
    """Nobody is searched for without a purpose."""
    assert refused(register, held, SEARCH, {"email": "a@example.org"}) == "$"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"request": SECRET}, ".request"),
        ({"request": 1}, ".request"),
        ({"request": None}, ".request"),
        ({"person": SECRET}, ".person"),
        ({"person": "\0"}, ".person"),
        ({"person": str(uuid4()) + "\n"}, ".person"),
        ({"segment": "5 9"}, ".segment"),
        ({"segment": "59\0"}, ".segment"),
        ({"compartments": []}, ".compartments"),
        ({"compartments": "identity"}, ".compartments"),
        ({"compartments": [SECRET]}, ".compartments[0]"),
        ({"compartments": ["identity", 3]}, ".compartments[1]"),
        ({"compartments": ["identity"] * 6}, ".compartments"),
        ({"compartments": 15}, ".compartments"),
        ({"purpose": SECRET}, ".purpose"),
        ({"purpose": "follow_up\0"}, ".purpose"),
        ({"purpose": "follow_up\x07"}, ".purpose"),
        ({SECRET: SECRET}, ""),
    ],
)
def test_malformed_opening_says_where(
    register: RunningRegister, held: Credentials, changes: dict[str, Any], path: str
) -> None:
    """Each wrong type, form or name in an opening is named by its path, with the number of the request."""
    body = {"requests": [wanted(uuid4()), wanted(uuid4(), **changes)]}
    assert refused(register, held, OPEN, body) == f"$.requests[1]{path}"


@pytest.mark.parametrize("missing", ["request", "person", "compartments", "purpose"])
def test_each_part_of_an_opening_is_needed(register: RunningRegister, held: Credentials, missing: str) -> None:
    """A request without one of its parts is refused as a whole."""
    body = {"requests": [{name: value for name, value in wanted(uuid4()).items() if name != missing}]}
    assert refused(register, held, OPEN, body) == "$.requests[0]"


def test_repeated_request_number_is_refused(register: RunningRegister, held: Credentials) -> None:
    """Two requests of one number in a call could not be told apart in the log."""
    twice = wanted(uuid4())
    body = {"requests": [twice, wanted(uuid4()), {**twice, "person": str(uuid4())}]}
    assert refused(register, held, OPEN, body) == "$.requests[2].request"


@pytest.mark.parametrize("body", [{}, {"requests": []}, {"requests": None}, {"requests": {}}, {"people": []}])
def test_a_call_opens_somebody(register: RunningRegister, held: Credentials, body: dict[str, Any]) -> None:
    """A call without requests is no way to learn for free whether a session lives."""
    assert refused(register, held, OPEN, body) in {"$", "$.requests"}


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1f", "\u202e", "\u200b"])
@pytest.mark.parametrize("field", ["birth_name", "email", "identifier"])
def test_unprintable_character_is_refused(
    register: RunningRegister, held: Credentials, field: str, character: str
) -> None:
    """A NUL, a control character or a direction mark in a fact names the field, never the value."""
    with calling(register, held) as api:
        body = {field: f"{SECRET}{character}", "birth_date": "1990-01-01", "purpose": PURPOSE}
        answer = api.post(SEARCH, body)
    assert problem(answer, 400, "bad_request").detail.count(f"{field}: character") == 1
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "facts",
    [
        {"nir": "295109912611194", "birth_date": "1990-01-01"},
        {"nir": "29510991261", "birth_date": "1990-01-01"},
        {"email": f"{SECRET} at example.org"},
        {"phone": "01 99 00"},
        {"identifier": "a-b-c-d-e"},
        {"birth_name": "-", "birth_date": "1996-02-29"},
    ],
)
def test_fact_of_the_wrong_form_is_refused(register: RunningRegister, held: Credentials, facts: dict[str, str]) -> None:
    """A value that nobody can have is refused before the keeper or the meter is asked."""
    with calling(register, held) as api:
        answer = api.post(SEARCH, {**facts, "purpose": PURPOSE})
    problem(answer, 400, "bad_request")
    assert not any(value in answer.text for value in facts.values() if value != "-")


def test_malformed_requests_charge_nobody(register: RunningRegister) -> None:
    """A body that cannot be read leaves no entry: nothing was asked for."""
    agent = register.agent(0)
    with calling(register, agent) as api:
        _send_malformed(api)
    with connect(register.home, "owner") as owner:
        row = owner.execute(
            "select count(*) from cloison.entry e join cloison.account a using (account) where a.handle = %s",
            (agent.handle,),
        ).fetchone()
    assert row == (0,)


def _send_malformed(api: Api) -> None:
    bodies: list[object] = [b"{", {"requests": []}, {"requests": [wanted("nobody")]}]
    searches = [{"email": "a", "purpose": PURPOSE}, {"purpose": PURPOSE}, {"email": "a@example.org"}]
    answers = [api.post(OPEN, body) for body in bodies] + [api.post(SEARCH, search) for search in searches]
    assert [answer.status_code for answer in answers] == [400] * 6
