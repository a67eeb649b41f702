"""Protected people over HTTP: set by an officer, opened by the audience alone, never found, lifted by two."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import msgspec
import pytest
from support.api import PURPOSE, Api, calling, problem, wanted
from support.desk import Agent, RunningRegister

from cloison.client import Client, Credentials
from cloison.errors import NotFoundError, SecondPersonError
from cloison.model import Outcome
from cloison.store.pools import connect

PROTECTIONS = "/v1/protections"


@pytest.fixture
def officers(register: RunningRegister) -> tuple[Agent, Agent]:
    """Two officers."""
    return register.agent(0, "officer"), register.agent(0, "officer")


def protect(api: Api, person: str, audience: list[str], **changes: object) -> dict[str, object]:
    """A protection that is answered with 200."""
    answer = api.post(PROTECTIONS, {"person": person, "audience": audience, **changes})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def change(api: Api, number: object, audience: list[str]) -> httpx.Response:
    """Change the audience."""
    body = msgspec.json.encode({"audience": audience})
    return api.http.patch(f"{PROTECTIONS}/{number}", content=body, headers={"Content-Type": "application/json"})


def lift(api: Api, number: object) -> httpx.Response:
    """Ask to lift it."""
    return api.http.post(f"{PROTECTIONS}/{number}/lift")


@contextmanager
def two(register: RunningRegister, officers: tuple[Agent, Agent]) -> Iterator[tuple[Api, Api]]:
    """The API for both officers."""
    with calling(register, officers[0]) as one, calling(register, officers[1]) as other:
        yield one, other


def listed(api: Api) -> set[str]:
    """Whom the whole caseload shows."""
    return {card["person"] for card in api.http.get("/v1/caseload?whole=true").json()["cards"]}


def test_protected_person_is_withheld(register: RunningRegister, officers: tuple[Agent, Agent]) -> None:
    """From the protection on the adviser who follows the person neither opens, lists nor finds them, as if nobody."""
    adviser = register.agent(2)
    with calling(register, adviser) as api, two(register, officers) as (officer, _):
        person, other = (api.found(row) for row in adviser.people)
        assert listed(api) == {person, other}
        made = protect(officer, person, [])
        assert (made["outcome"], "waits" in made) == ("open", False)
        nobody = api.post("/v1/people/search", {"identifier": "98989898989", "purpose": PURPOSE})
        same = api.post("/v1/people/search", {"identifier": adviser.people[0]["identifier"], "purpose": PURPOSE})
        assert same.text == nobody.text
        both = {"identifier": adviser.people[0]["identifier"], "birth_date": adviser.people[0]["birth_date"]}
        assert api.search(**both)["cards"] == []
        assert [result["outcome"] for result in api.open([person, other, str(uuid4())])] == ["scope", "open", "scope"]
        assert listed(api) == {other}


def test_withheld_and_nobody_look_alike(register: RunningRegister, officers: tuple[Agent, Agent]) -> None:
    """Somebody withheld and nobody: the same bytes, headers included."""
    adviser = register.agent(1)
    with calling(register, adviser) as api, two(register, officers) as (officer, _):
        person = api.found(adviser.people[0])
        protect(officer, person, [])
        seen = []
        for one in (person, str(uuid4())):
            asked = wanted(one)
            answer = api.post("/v1/people/open", {"requests": [asked]})
            headers = {name: value for name, value in answer.headers.items() if name != "date"}
            seen.append((answer.status_code, headers, answer.text.replace(str(asked["request"]), "")))
    assert seen[0] == seen[1]


def test_audience_opens_and_is_noticed(register: RunningRegister, officers: tuple[Agent, Agent]) -> None:
    """The audience opens the person through its relation, an alert each time, which figures count; it finds nobody."""
    adviser = register.agent(1)
    with calling(register, adviser) as api, two(register, officers) as (officer, _):
        person = api.found(adviser.people[0])
        protect(officer, person, [adviser.handle])
        for _ in range(2):
            (opened,) = api.open([person])
            assert opened["fields"]["birth_name"] == adviser.people[0]["birth_name"]
        assert listed(api) == {person}
        assert api.search(identifier=adviser.people[0]["identifier"])["cards"] == []
        with connect(register.home, "owner") as owner:
            rows = owner.execute(
                "select a.handle, l.kind::text from cloison.alert l join cloison.account a using (account) "
                "where l.person = %s",
                (person,),
            ).fetchall()
            total = owner.execute("select count(*) from cloison.alert").fetchone()
        assert rows == [(adviser.handle, "protected_opened")] * 2
        assert total is not None
        figures = httpx.get(f"{register.url}/metrics").text
    counted = [line for line in figures.splitlines() if 'alerts_total{kind="protected_opened"} ' in line]
    assert len(counted) == 1
    assert float(counted[0].rpartition(" ")[2]) <= total[0]


def test_two_officers_widen_and_lift(register: RunningRegister, officers: tuple[Agent, Agent]) -> None:
    """Letting somebody in and lifting wait for a second officer; the same one twice is refused."""
    adviser = register.agent(1)
    with calling(register, adviser) as api, two(register, officers) as (one, other):
        person = api.found(adviser.people[0])
        number = protect(one, person, [])["protection"]
        assert change(one, number, [adviser.handle]).json() == {"outcome": "open", "protection": number, "waits": True}
        problem(change(one, number, [adviser.handle]), 409, "second_person")
        assert api.open([person])[0]["outcome"] == "scope"
        assert change(other, number, [adviser.handle]).json() == {"outcome": "open", "protection": number}
        assert api.open([person])[0]["outcome"] == "open"
        assert change(one, number, []).json() == {"outcome": "open", "protection": number}
        assert api.open([person])[0]["outcome"] == "scope"
        assert lift(one, number).json() == {"outcome": "open", "protection": number, "waits": True}
        problem(lift(one, number), 409, "second_person")
        assert api.open([person])[0]["outcome"] == "scope"
        assert lift(other, number).json() == {"outcome": "open", "protection": number}
        assert api.open([person])[0]["outcome"] == "open"
        problem(lift(other, number), 404, "not_found")
        assert api.found(adviser.people[0]) == person


def test_adviser_may_not_protect(register: RunningRegister, officers: tuple[Agent, Agent]) -> None:
    """Without the act, nothing is set, changed or lifted, and no number comes back."""
    adviser = register.agent(1)
    with calling(register, adviser) as api, two(register, officers) as (officer, _):
        person = api.found(adviser.people[0])
        assert protect(api, person, [adviser.handle]) == {"outcome": "scope"}
        number = protect(officer, person, [])["protection"]
        assert change(api, number, [adviser.handle]).json() == {"outcome": "scope"}
        assert lift(api, number).json() == {"outcome": "scope"}
        assert api.open([person])[0]["outcome"] == "scope"


def test_officer_learns_nothing_of_the_person(register: RunningRegister, officers: tuple[Agent, Agent]) -> None:
    """Somebody here, elsewhere, protected already, and nobody: the same answer but for its number."""
    adviser = register.agent(1)
    with calling(register, adviser) as api, two(register, officers) as (officer, _):
        person = api.found(adviser.people[0])
        answers = [
            protect(officer, one, [], segment=place) for one in (person, person, str(uuid4())) for place in ("59", "75")
        ]
        assert {frozenset(answer) for answer in answers} == {frozenset({"outcome", "protection"})}
        assert len({answer["protection"] for answer in answers}) == len(answers)
        assert officer.open([person])[0]["outcome"] == "scope"


def test_protection_that_ends(register: RunningRegister, officers: tuple[Agent, Agent]) -> None:
    """A protection with an end is taken, one whose end is over is not."""
    with two(register, officers) as (officer, _):
        later = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        assert protect(officer, str(uuid4()), [], until=later)["outcome"] == "open"
        body = {"person": str(uuid4()), "audience": [], "until": "2020-01-01T00:00:00Z"}
        assert problem(officer.post(PROTECTIONS, body), 400, "malformed_request").path == "$.until"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"person": "x", "audience": []}, "$.person"),
        ({"person": str(uuid4())}, "$"),
        ({"person": str(uuid4()), "audience": ["no such"]}, "$.audience[0]"),
        ({"person": str(uuid4()), "audience": ["nobody-at-all"]}, "$.audience"),
        ({"person": str(uuid4()), "audience": [], "until": "2030-01-01T00:00:00"}, "$.until"),
        ({"person": str(uuid4()), "audience": [], "segment": "5 9"}, "$.segment"),
        ({"person": str(uuid4()), "audience": [], "reason": "x"}, "$"),
        ({"person": str(uuid4()), "audience": ["a"] * 101}, "$.audience"),
    ],
)
def test_malformed(
    register: RunningRegister, officers: tuple[Agent, Agent], body: dict[str, object], path: str
) -> None:
    """What cannot be read is refused with the place where it is wrong."""
    with two(register, officers) as (officer, _):
        assert problem(officer.post(PROTECTIONS, body), 400, "malformed_request").path == path


def test_no_session(register: RunningRegister) -> None:
    """Without a session there is no protection to speak of."""
    with calling(register, None) as api:
        problem(api.post(PROTECTIONS, {"person": str(uuid4()), "audience": []}), 401, "no_session")
        problem(lift(api, uuid4()), 401, "no_session")
        problem(change(api, uuid4(), []), 401, "no_session")


async def test_by_the_client(register: RunningRegister, officers_sessions: tuple[Credentials, Credentials]) -> None:
    """The typed client does all of it, and raises what is refused."""
    one, other = (Client(register.url, held) for held in officers_sessions)
    async with one, other:
        made = await one.protect(uuid4(), [], until=datetime.now(UTC) + timedelta(days=1))
        assert (made.outcome, made.waits) == (Outcome.OPEN, False)
        assert made.protection is not None
        assert not (await one.change_audience(made.protection, [])).waits
        assert (await one.lift_protection(made.protection)).waits
        with pytest.raises(SecondPersonError):
            await one.lift_protection(made.protection)
        assert not (await other.lift_protection(made.protection)).waits
        with pytest.raises(NotFoundError):
            await other.lift_protection(made.protection)


@pytest.fixture
def officers_sessions(officers: tuple[Agent, Agent]) -> tuple[Credentials, Credentials]:
    """Their sessions."""
    return officers[0].held, officers[1].held
