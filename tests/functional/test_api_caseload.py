"""The caseload and the session over HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from support.api import calling, problem
from support.desk import RunningRegister


def test_whole_caseload_comes_in_pages(register: RunningRegister) -> None:
    """Following `next` shows each person followed once, 50 a page at most."""
    agent = register.agent(70)
    with calling(register, agent) as api:
        first = api.http.get("/v1/caseload", params={"whole": "true"}).json()
        rest = api.http.get("/v1/caseload", params={"whole": "true", "after": first["next"]}).json()
    shown = [card["person"] for card in [*first["cards"], *rest["cards"]]]
    assert (first["outcome"], len(first["cards"]), first["next"]) == ("open", 50, shown[49])
    assert (rest["outcome"], len(rest["cards"]), "next" in rest) == ("open", 20, False)
    assert len(set(shown)) == len(shown)


def test_todays_appointments_are_the_default(register: RunningRegister) -> None:
    """Without `whole` the list shows who has an appointment today, not everybody who is followed."""
    agent = register.agent(5)
    register.relate(agent.handle, agent.people[:2], "inbound")
    with calling(register, agent) as api:
        today = api.http.get("/v1/caseload").json()
        labels = {card["label"] for card in today["cards"]}
    assert len(today["cards"]) == 2
    assert "next" not in today
    names = {row["usage_name"] or row["birth_name"] for row in agent.people[:2]}
    assert all(any(name in label for label in labels) for name in names)


def test_empty_caseload_is_open(register: RunningRegister) -> None:
    """Who follows nobody gets an empty page, no refusal."""
    with calling(register, register.agent(0)) as api:
        assert api.http.get("/v1/caseload?whole=true").json() == {"outcome": "open", "cards": []}


def test_malformed_page_is_named(register: RunningRegister) -> None:
    """A wrong `after` or `whole` is a 400 that names the parameter and not what stood there."""
    with calling(register, register.agent(0)) as api:
        for query, name in (("after=dupont", "after"), ("whole=dupont", "whole")):
            answer = api.http.get(f"/v1/caseload?{query}")
            assert problem(answer, 400, "malformed_request").path == name
            assert "dupont" not in answer.text


def test_unknown_parameters_are_refused(register: RunningRegister) -> None:
    """A parameter that is misspelt is not passed over; the answer names those that there are, never the one sent."""
    with calling(register, register.agent(0)) as api:
        for method, path, known in (
            ("GET", "/v1/caseload?Dupont=true", "[after, whole]"),
            ("GET", "/v1/caseload?whole=true&dupont", "[after, whole]"),
            ("GET", "/v1/session?dupont=1", "[]"),
            ("GET", "/healthz?dupont=1", "[]"),
            ("POST", "/v1/people/open?dupont=1", "[]"),
            ("POST", "/v1/feeds/interactions?dupont=1", "[]"),
            ("DELETE", f"/v1/people/{uuid4()}/representatives/{uuid4()}?purpose=x&dupont=1", "[purpose]"),
        ):
            answer = api.http.request(method, path)
            assert known in problem(answer, 400, "unknown_parameter").detail
            assert "dupont" not in answer.text.lower()


def test_session_says_whose_it_is(register: RunningRegister) -> None:
    """Handle, role and end of the session come back, and nothing secret."""
    agent = register.agent(0, "reception")
    with calling(register, register.session(agent.handle, seconds=600)) as api:
        session = api.http.get("/v1/session").json()
    assert session.keys() == {"account", "role", "expires_at", "frozen"}
    assert (session["account"], session["role"], session["frozen"]) == (agent.handle, "reception", False)
    left = datetime.fromisoformat(session["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=500) < left <= timedelta(seconds=601)
