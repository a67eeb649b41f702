"""Searching over HTTP: every search of the profile, what it needs, and what a miss looks like."""

import pytest
from support.api import PURPOSE, calling, problem
from support.desk import RunningRegister

from cloison.store.pools import connect

MISS = {"outcome": "scope", "cards": []}


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("nir", ["nir", "birth_date"]),
        ("identifier", ["identifier"]),
        ("email", ["email"]),
        ("phone", ["phone"]),
        ("birth_name", ["birth_name", "birth_date"]),
    ],
)
def test_person_of_the_caseload_is_found(register: RunningRegister, name: str, facts: list[str]) -> None:
    """Each search of the profile finds somebody the account follows, and shows a name and a year, nothing more."""
    agent = register.agent(12)
    row = next(row for row in agent.people if row[name])
    with calling(register, agent) as api:
        found = api.search(**{fact: row[fact] for fact in facts})
        assert found["outcome"] == "open"
        assert api.found(row) in {card["person"] for card in found["cards"]}
    card = next(card for card in found["cards"] if (row["usage_name"] or row["birth_name"]) in card["label"])
    assert card.keys() == {"person", "segment", "label", "birth_year", "place"}
    assert (card["segment"], str(card["birth_year"])) == ("59", row["birth_date"][:4])


def test_nir_may_have_spaces(register: RunningRegister) -> None:
    """A NIR as it is printed on a card finds whom the NIR without spaces finds."""
    agent = register.agent(6)
    row = next(row for row in agent.people if row["nir"])
    nir = row["nir"].replace(" ", "")
    spaced = " ".join([nir[0], nir[1:3], nir[3:5], nir[5:7], nir[7:10], nir[10:13], nir[13:]])
    with calling(register, agent) as api:
        plain = api.search(nir=nir, birth_date=row["birth_date"])
        assert api.search(nir=spaced, birth_date=row["birth_date"]) == plain
    assert plain["outcome"] == "open"


def test_sound_alike_names_are_found(register: RunningRegister) -> None:
    """A birth name in other case, with the birth date, finds the person."""
    agent = register.agent(3)
    row = agent.people[0]
    with calling(register, agent) as api:
        found = api.search(birth_name=row["birth_name"].lower(), birth_date=row["birth_date"])
        assert api.found(row) in {card["person"] for card in found["cards"]}


def test_29_february_is_a_day_in_leap_years_alone(register: RunningRegister) -> None:
    """The leap day of 1996 can be searched by; that of 1995 is no day, and the error names the field."""
    with calling(register, register.agent(0)) as api:
        assert api.search(birth_name="Personne", birth_date="1996-02-29") == MISS
        answer = api.post(
            "/v1/people/search", {"birth_name": "Personne", "birth_date": "1995-02-29", "purpose": PURPOSE}
        )
    assert problem(answer, 400, "date_form").path == "$.birth_date"


@pytest.mark.parametrize(("language", "form"), [("en", "as YYYY-MM-DD"), ("fr", "sous la forme AAAA-MM-JJ")])
def test_a_date_of_another_form_is_told_which_to_use(register: RunningRegister, language: str, form: str) -> None:
    """A date with the day first is refused with the form that is expected, and is not repeated."""
    with calling(register, register.agent(0)) as api:
        body = {"birth_name": "Personne", "birth_date": "14/07/1985", "purpose": PURPOSE}
        answer = api.post("/v1/people/search", body, **{"Accept-Language": language})
    told = problem(answer, 400, "date_form").detail
    assert (form in told, "birth_date" in told, "14/07" in answer.text) == (True, True, False)


def test_other_segment_finds_nobody_and_is_charged(register: RunningRegister) -> None:
    """Somebody of the caseload searched for in another segment is a miss, with its entry in the home's log."""
    agent = register.agent(1)
    identifier = agent.people[0]["identifier"]
    with calling(register, agent) as api:
        assert api.search(identifier=identifier, segment="75") == MISS
        assert api.search(identifier=identifier, segment="nowhere") == MISS
        assert api.search(identifier=identifier, segment="59")["outcome"] == "open"
    with connect(register.home, "owner") as owner:
        row = owner.execute(
            "select count(*) from cloison.entry e join cloison.account a using (account) "
            "where a.handle = %s and e.event = 'search' and e.outcome = 'scope'",
            (agent.handle,),
        ).fetchone()
    assert row is not None
    assert row[0] >= 2


@pytest.mark.parametrize("facts", [{}, {"birth_date": "1990-01-01"}, {"email": "a@example.org", "phone": "0199000001"}])
def test_a_search_is_by_exactly_one_fact(register: RunningRegister, facts: dict[str, str]) -> None:
    """No fact to search by, or two, is an error that lists the searches there are."""
    with calling(register, register.agent(0)) as api:
        answer = api.post("/v1/people/search", {**facts, "purpose": PURPOSE})
    assert "nir, identifier, email, phone, birth_name" in problem(answer, 400, "unknown_search").detail


@pytest.mark.parametrize("facts", [{"birth_name": "Personne"}, {"nir": "295109912611193"}])
def test_a_search_says_what_it_needs(register: RunningRegister, facts: dict[str, str]) -> None:
    """A NIR or a name without a birth date is refused before anything is charged."""
    with calling(register, register.agent(0)) as api:
        answer = api.post("/v1/people/search", {**facts, "purpose": PURPOSE})
    assert "needs birth_date" in problem(answer, 400, "bad_request").detail


def test_guessing_a_nir_stops_after_five(register: RunningRegister) -> None:
    """Misses that share sex, birth date and place have a budget of their own: the sixth is refused for a day."""
    with calling(register, register.agent(0)) as api:
        nirs = [f"29913999999{order:02}" for order in range(1, 8)]
        outcomes = [api.search(nir=f"{nir}{97 - int(nir) % 97:02}", birth_date="1999-03-09")["outcome"] for nir in nirs]
    assert outcomes == ["scope"] * 5 + ["budget"] * 2
