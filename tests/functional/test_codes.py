"""A one-time code for somebody at the counter, over HTTP and by a real mail server."""

import itertools
import re
from collections.abc import Iterator

import httpx
import msgspec
import pytest
from support.api import Api, calling, problem
from support.desk import Agent, RunningRegister
from support.post import Post, delivering

from cloison.store.pools import connect

_rows = itertools.count(40)


@pytest.fixture
def post(register: RunningRegister) -> Iterator[Post]:
    """The mail server of the register's settings."""
    with delivering(register.home.config.mail) as post:
        yield post


def visitor(register: RunningRegister, *, address: bool = True) -> dict[str, str]:
    """Somebody who comes to the counter; each test meets others."""
    while True:
        row = register.people[next(_rows) % len(register.people)]
        if bool(row["email"]) is address and row["nir"]:
            return row


def found(api: Api, row: dict[str, str]) -> str:
    """The person whom the counter finds by both facts."""
    facts = {"identifier": row["identifier"], "birth_date": row["birth_date"], "purpose": "reception"}
    (card,) = api.search(**facts)["cards"]
    return str(card["person"])


def asked(api: Api, person: str, **headers: str) -> httpx.Response:
    """Ask for a code."""
    return api.post(f"/v1/people/{person}/code", {"channel": "email"}, **headers)


def confirmed(api: Api, person: str, code: str) -> str:
    """What becomes of a code given back."""
    answer = api.post(f"/v1/people/{person}/code/confirm", {"code": code})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["outcome"])


def code_in(text: str) -> str:
    """The digits in a message."""
    match = re.search(r"\b(\d{4}) (\d{4})\b", text)
    assert match is not None
    return match[1] + match[2]


def wrong(code: str) -> str:
    """Another code than this one."""
    return f"{(int(code) + 1) % 10**8:08}"


def inbound(register: RunningRegister, agent: Agent, person: str) -> int:
    """How many interactions the account has with the person."""
    with connect(register.home, "owner") as owner:
        row = owner.execute(
            "select count(*) from cloison.relation join cloison.account using (account) "
            "where handle = %s and person = %s and kind = 'inbound'",
            (agent.handle, person),
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_code_makes_an_interaction(register: RunningRegister, post: Post) -> None:
    """Sent to the address in the record, given back by the person, it opens them like an appointment today."""
    agent, row = register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api:
        person = found(api, row)
        answer = asked(api, person)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["outcome"], answer.json()["sent"]) == ("open", True)
        ((address,), message) = post.envelopes[-1]
        assert address == row["email"]
        assert row["email"] not in answer.text
        assert message["From"] == "accueil@example.org"
        for value in (row["birth_name"], row["first_names"], row["identifier"], code_in(post.text)):
            assert value.lower() not in str(message["Subject"]).lower()
        assert "http" not in post.text
        assert inbound(register, agent, person) == 0
        assert confirmed(api, person, code_in(post.text)) == "open"
        assert inbound(register, agent, person) == 1
        assert confirmed(api, person, code_in(post.text)) == "scope"
        assert api.open([person], purpose="reception")[0]["outcome"] == "open"


def test_the_message_speaks_the_agents_language(register: RunningRegister, post: Post) -> None:
    """French where the counter is French."""
    agent, row = register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api:
        person = found(api, row)
        asked(api, person, **{"Accept-Language": "fr-FR,fr;q=0.9"})
        assert post.envelopes[-1][1]["Subject"] == "Votre code à usage unique"
        assert "accueil" in post.text
        asked(api, person)
        assert post.envelopes[-1][1]["Subject"] == "Your one-time code"


def test_who_guesses_has_five_tries(register: RunningRegister, post: Post) -> None:
    """After five wrong ones the right code is worth nothing."""
    agent, row = register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api:
        person = found(api, row)
        asked(api, person)
        code = code_in(post.text)
        assert [confirmed(api, person, wrong(code)) for _ in range(5)] == ["scope"] * 5
        assert confirmed(api, person, code) == "scope"
    assert inbound(register, agent, person) == 0


def test_a_code_is_one_sessions(register: RunningRegister, post: Post) -> None:
    """Another session of the account, another account and another person's page have no use for it."""
    agent, other, row, second = (
        register.agent(0, "reception"),
        register.agent(0, "reception"),
        visitor(register),
        visitor(register),
    )
    with calling(register, agent) as api, calling(register, other) as others:
        person = found(api, row)
        assert found(others, row) == person
        asked(api, person)
        code = code_in(post.text)
        with calling(register, register.session(agent.handle)) as again:
            assert confirmed(again, person, code) == "scope"
        assert confirmed(others, person, code) == "scope"
        assert confirmed(api, found(api, second), code) == "scope"
        assert confirmed(api, person, code) == "open"


def test_an_older_code_ends_with_a_newer_one(register: RunningRegister, post: Post) -> None:
    """Only the code sent last holds, and only for a quarter of an hour."""
    agent, row = register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api:
        person = found(api, row)
        asked(api, person)
        older = code_in(post.text)
        asked(api, person)
        assert confirmed(api, person, older) == "scope"
        with connect(register.home, "owner") as owner:
            owner.execute("update cloison.code set expires_at = now() where person = %s", (person,))
        assert confirmed(api, person, code_in(post.text)) == "scope"


def test_three_codes_an_hour(register: RunningRegister, post: Post) -> None:
    """Nobody is sent a fourth within the hour, whoever asks; the answer says when."""
    agent, other, row = register.agent(0, "reception"), register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api, calling(register, other) as others:
        person = found(api, row)
        found(others, row)
        outcomes = [asked(one, person).json()["outcome"] for one in (api, others, api)]
        assert outcomes == ["open"] * 3
        refused = asked(others, person).json()
        assert refused["outcome"] == "budget"
        assert 3_500 < refused["retry_after"] <= 3_600
    assert len(post.envelopes) == 3


@pytest.mark.parametrize("role", ["adviser", "reception"])
def test_only_who_was_found_by_both_facts(register: RunningRegister, post: Post, role: str) -> None:
    """Somebody of one's caseload, a stranger and nobody are sent nothing: the same answer."""
    agent, stranger = register.agent(1, role), visitor(register)
    with calling(register, agent) as api:
        own = api.found(agent.people[0]) if role == "adviser" else None
        with connect(register.home, "owner") as owner:
            row = owner.execute("select person from cloison.person where segment = '59' limit 1").fetchone()
        assert row is not None
        assert stranger
        people = [str(row[0]), "00000000-0000-4000-8000-000000000000", *([own] if own else [])]
        assert {asked(api, person).text for person in people} == {'{"outcome":"scope"}'}
    assert post.envelopes == []


def test_a_role_without_the_counter(register: RunningRegister, post: Post) -> None:
    """A partner's adviser sends no codes, even with a counter's relation that somebody wrote into the database."""
    agent = register.agent(1, "partner")
    with calling(register, agent) as api:
        person = api.found(agent.people[0])
        with connect(register.home, "owner") as owner:
            owner.execute(
                "insert into cloison.relation (segment, account, person, kind, valid_from, valid_until) "
                "select segment, account, %s, 'walk_in', now(), now() + interval '1 hour' from cloison.account "
                "where handle = %s",
                (person, agent.handle),
            )
        assert asked(api, person).json()["outcome"] == "scope"
    assert post.envelopes == []


def test_somebody_without_an_address(register: RunningRegister, post: Post) -> None:
    """The counter is told that nothing was sent."""
    agent = register.agent(0, "reception")
    row = next((row for row in register.people if not row["email"] and row["nir"]), None)
    if row is None:
        row = visitor(register)
    with calling(register, agent) as api:
        answer = asked(api, found(api, row)).json()
    assert (answer["outcome"], answer.get("sent", False)) == ("open", bool(row["email"]))
    assert len(post.envelopes) == bool(row["email"])


def test_telephone_is_not_set_up(register: RunningRegister) -> None:
    """A code by telephone is an error that says so, and charges nobody."""
    agent, row = register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api:
        answer = api.post(f"/v1/people/{found(api, row)}/code", {"channel": "phone"})
    assert "phone" in problem(answer, 503, "no_mail").detail


def test_a_mail_server_that_is_down_or_refuses(register: RunningRegister) -> None:
    """The counter is told that nothing arrived and when to try again; the address is in no answer and no log."""
    agent, row = register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api:
        person = found(api, row)
        problem(asked(api, person), 503, "mail_failed")
        with delivering(register.home.config.mail) as post:
            post.refuses = True
            refused = asked(api, person)
            assert problem(refused, 503, "mail_failed").retry_after == 60
            post.refuses = False
            assert asked(api, person).json()["sent"] is True
    assert row["email"] not in refused.text
    assert row["email"] not in (register.home.log / "intake.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("body", [{"code": "1234567"}, {"code": "123456789"}, {"code": "1234567a"}, {"code": 12345678}])
def test_what_is_no_code(register: RunningRegister, body: dict[str, object]) -> None:
    """Eight digits as text, or the request cannot be read."""
    agent = register.agent(0, "reception")
    with calling(register, agent) as api:
        answer = api.post("/v1/people/00000000-0000-4000-8000-000000000000/code/confirm", msgspec.json.encode(body))
    assert problem(answer, 400, "malformed_request").path == "$.code"


def test_nobody_without_a_session(register: RunningRegister) -> None:
    """Neither address answers without a session."""
    with calling(register, None) as api:
        for path, body in (("code", {"channel": "email"}), ("code/confirm", {"code": "12345678"})):
            problem(api.post(f"/v1/people/00000000-0000-4000-8000-000000000000/{path}", body), 401, "no_session")


def test_entries_of_codes(register: RunningRegister, post: Post) -> None:
    """Sending, guessing and confirming stand in the log with the person, the compartment and no code."""
    agent, row = register.agent(0, "reception"), visitor(register)
    with calling(register, agent) as api:
        person = found(api, row)
        asked(api, person)
        code = code_in(post.text)
        confirmed(api, person, wrong(code))
        confirmed(api, person, code)
    with connect(register.home, "owner") as owner:
        rows = owner.execute(
            "select event::text, outcome::text, person::text, e.compartments from cloison.entry e "
            "join cloison.account a using (account) where handle = %s and event::text like 'code%%' order by number",
            (agent.handle,),
        ).fetchall()
        kept = owner.execute("select c::text from cloison.code c where person = %s", (person,)).fetchall()
    assert rows == [
        ("code_sent", "open", person, 2),
        ("code_confirmed", "scope", None, 0),
        ("code_confirmed", "open", person, 0),
    ]
    assert code not in str(kept)
