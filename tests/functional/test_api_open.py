"""Opening people over HTTP: what comes back, and every outcome that is no error."""

from uuid import UUID, uuid4

import pytest
from support.api import calling, problem, strangers, wanted
from support.desk import RunningRegister

from cloison.register.profile import FIVE_MINUTES_SHARE, load_profile
from cloison.store.pools import connect

IDENTITY = ("identifier", "sex", "birth_name", "usage_name", "first_names", "birth_date", "birth_place")
CONTACT = ("address", "postcode", "commune", "city", "email")


def test_record_comes_back_as_it_was_imported(register: RunningRegister) -> None:
    """The fields of the compartments asked for have the values of the import file, and no others come with them."""
    agent = register.agent(2)
    row = agent.people[0]
    with calling(register, agent) as api:
        (result,) = api.open([api.found(row)], compartments=["identity", "contact"])
    assert result["outcome"] == "open"
    assert {k: result["fields"][k] for k in IDENTITY if row[k]} == {k: row[k] for k in IDENTITY if row[k]}
    assert {k: result["fields"][k] for k in CONTACT if row[k]} == {k: row[k] for k in CONTACT if row[k]}
    assert "nir" not in result["fields"]
    assert "category" not in result["fields"]


def test_compartment_not_asked_for_stays_sealed(register: RunningRegister) -> None:
    """Asking for the identity alone brings no contact."""
    agent = register.agent(1)
    with calling(register, agent) as api:
        (result,) = api.open([api.found(agent.people[0])])
    assert set(result["fields"]) <= set(IDENTITY)


def test_results_keep_the_order_and_the_numbers_of_the_requests(register: RunningRegister) -> None:
    """Result i answers request i, whatever became of it."""
    agent = register.agent(3)
    with calling(register, agent) as api:
        people = [api.found(row) for row in agent.people]
        requests = [wanted(people[0]), wanted(uuid4()), wanted(people[1]), wanted(people[2])]
        results = api.post("/v1/people/open", {"requests": requests}).json()["results"]
    assert [result["request"] for result in results] == [request["request"] for request in requests]
    assert [result["outcome"] for result in results] == ["open", "scope", "open", "open"]
    assert [result["fields"]["identifier"] for result in results if "fields" in result] == [
        row["identifier"] for row in agent.people
    ]


def test_budget_is_an_answer_that_says_when_to_come_back(register: RunningRegister) -> None:
    """A call whose people are all beyond the budget is answered 200, with seconds to wait and no field."""
    agent = register.agent(14)
    with calling(register, agent) as api:
        people = [api.found(row) for row in agent.people]
        results = api.open(people[:10]) + api.open(people[10:])
    assert [result["outcome"] for result in results] == ["open"] * 10 + ["budget"] * 4
    assert all(0 < result["retry_after"] <= 310 and "fields" not in result for result in results[10:])


def test_nir_asks_for_a_fresh_touch(register: RunningRegister) -> None:
    """Without a fresh touch the NIR is answered by step_up; with one it is open."""
    agent = register.agent(4)
    row = next(row for row in agent.people if row["nir"])
    touched = register.session(agent.handle, touched=True)
    with calling(register, agent) as api, calling(register, touched) as fresh:
        person = api.found(row)
        (without,) = api.open([person], compartments=["nir"])
        (result,) = fresh.open([person], compartments=["nir"])
    assert (without["outcome"], "fields" in without) == ("step_up", False)
    assert result["fields"] == {"nir": row["nir"].replace(" ", "")}


def test_frozen_account_opens_nothing(register: RunningRegister) -> None:
    """A freeze is an outcome, and holds from the next request on."""
    agent = register.agent(1)
    with calling(register, agent) as api:
        person = api.found(agent.people[0])
        with connect(register.home, "owner") as owner:
            owner.execute(
                "select cloison.freeze_v1(segment, account) from cloison.account where handle = %s", (agent.handle,)
            )
        (result,) = api.open([person])
        assert result == {"request": result["request"], "outcome": "frozen"}
        assert api.search(identifier=agent.people[0]["identifier"]) == {"outcome": "frozen", "cards": []}
        assert api.http.get("/v1/session").json()["frozen"] is True


@pytest.mark.parametrize("changes", [{"purpose": "benefits"}, {"compartments": ["identity", "nir"]}])
def test_what_the_role_may_not_is_out_of_reach(register: RunningRegister, changes: dict[str, object]) -> None:
    """A purpose or a compartment of the profile, but not of the role, is answered as everybody out of reach."""
    agent = register.agent(1, "partner")
    with calling(register, agent) as api:
        (result,) = api.open([api.found(agent.people[0])], **changes)
    assert result == {"request": result["request"], "outcome": "scope"}


def test_guessing_segments_finds_nobody_and_is_charged(register: RunningRegister) -> None:
    """Somebody of the caseload asked for in another segment is out of reach, with an entry that names who was asked."""
    agent = register.agent(1)
    with calling(register, agent) as api:
        person = api.found(agent.people[0])
        assert api.open([person], segment="59")[0]["outcome"] == "open"
        assert api.open([person], segment="75")[0].keys() == {"request", "outcome"}
        assert api.open(strangers(register.home, agent, 1, "75"), segment="75")[0]["outcome"] == "scope"
    with connect(register.home, "owner") as owner:
        entries = owner.execute(
            "select e.person, e.compartments from cloison.entry e join cloison.account a using (account) "
            "where a.handle = %s and e.event = 'open' and e.outcome = 'scope' order by number",
            (agent.handle,),
        ).fetchall()
    assert entries[0] == (UUID(person), 1)
    assert len(entries) == 2


def test_mixed_segments_spoil_nobody(register: RunningRegister) -> None:
    """A request for another segment does not end the call for the others."""
    agent = register.agent(2)
    with calling(register, agent) as api:
        people = [api.found(row) for row in agent.people]
        requests = [wanted(people[0]), wanted(people[1], segment="75"), wanted(people[1])]
        results = api.post("/v1/people/open", {"requests": requests}).json()["results"]
    assert [result["outcome"] for result in results] == ["open", "scope", "open"]


def test_refusals_beyond_their_budget_end_the_session(register: RunningRegister) -> None:
    """Whoever guesses people loses the session: the next call is a 401."""
    agent = register.agent(0)
    refusals = load_profile(register.home.config.profile).roles["adviser"].budgets["refusal"][0]
    guesses = refusals // FIVE_MINUTES_SHARE + 1
    with calling(register, agent) as api:
        assert [result["outcome"] for result in api.open([uuid4() for _ in range(guesses)])] == ["scope"] * guesses
        problem(api.http.get("/v1/session"), 401, "no_session")
