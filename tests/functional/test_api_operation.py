"""What an operator and a script see of the desk: health, figures, the document, headers, languages, the log."""

import re
import socket
import time
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest
from support.api import PURPOSE, calling, problem, wanted
from support.beside import desk_beside, free_port
from support.desk import RunningRegister

from cloison.client.wire import Health
from cloison.config import Home
from cloison.processes import base_url

HEALTH_SECONDS = 2.0
SLACK_SECONDS = 1.0  # for a machine that does other things too
REFERENCE = re.compile(r'"\$ref":"#/components/schemas/(\w+)"')


def health(home: Home) -> tuple[int, Health, float]:
    """Status, body and seconds of the desk's answer about its health."""
    begun = time.monotonic()
    answer = httpx.get(f"{base_url(home)}/healthz", timeout=10)
    return answer.status_code, msgspec.json.decode(answer.content, type=Health), time.monotonic() - begun


def test_healthy_desk_says_so(register: RunningRegister) -> None:
    """With database and keeper up the answer is 200, and names both."""
    answer = httpx.get(f"{register.url}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "keeper": "ok"})


def test_desk_without_a_keeper_is_down_and_says_what_to_do(register: RunningRegister, tmp_path: Path) -> None:
    """The desk starts without a keeper, answers 503 in its health, and refuses what needs keys with a problem."""
    with desk_beside(register, tmp_path) as (home, _):
        status, state, seconds = health(home)
        assert (status, state.database, state.keeper) == (503, "ok", "down")
        assert seconds < HEALTH_SECONDS
        with calling(register, register.agent(0)) as api:
            api.http.base_url = httpx.URL(base_url(home))
            answer = api.post("/v1/people/search", {"email": "a@example.org", "purpose": PURPOSE})
            assert api.http.get("/v1/session").status_code == 200
        problem(answer, 503, "keeper_unavailable")
        assert int(answer.headers["retry-after"]) > 0


def test_desk_without_a_database_is_down(register: RunningRegister, tmp_path: Path) -> None:
    """With nothing at the database's address health is 503 in time, and a request is refused instead of hanging."""
    with desk_beside(register, tmp_path, f"host=127.0.0.1 port={free_port()}") as (home, _):
        status, state, seconds = health(home)
        assert (status, state.database) == (503, "down")
        assert seconds < HEALTH_SECONDS + SLACK_SECONDS
        with calling(register, register.agent(0)) as api:
            api.http.base_url = httpx.URL(base_url(home))
            answer = api.post("/v1/people/open", {"requests": [wanted(uuid4())]})
        problem(answer, 503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0


def test_health_never_hangs(register: RunningRegister, tmp_path: Path) -> None:
    """A database and a keeper that take connections and then say nothing are down within 2 seconds."""
    with socket.create_server(("127.0.0.1", 0)) as database, socket.socket(socket.AF_UNIX) as keeper:
        port = database.getsockname()[1]
        with desk_beside(register, tmp_path, f"host=127.0.0.1 port={port}") as (home, _):
            keeper.bind(str(home.keeper_socket))
            keeper.listen()
            status, state, seconds = health(home)
    assert (status, state.database, state.keeper) == (503, "down", "down")
    assert seconds < HEALTH_SECONDS + SLACK_SECONDS


def test_keeper_that_comes_back_is_found(register: RunningRegister, tmp_path: Path) -> None:
    """A desk that started without its keeper is healthy once the keeper is there: nobody needs to restart it."""
    with desk_beside(register, tmp_path) as (home, _):
        assert health(home)[0] == 503
        home.keeper_socket.symlink_to(register.home.keeper_socket)
        time.sleep(1.1)  # a state is kept for a second
        assert health(home)[0] == 200


def test_document_describes_every_route(register: RunningRegister) -> None:
    """Each route has a sentence, a body or parameters, answers of its own type and problems for its refusals."""
    document = httpx.get(f"{register.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        *("/v1/people/search", "/v1/people/open", "/v1/caseload", "/v1/session", "/v1/signout", "/healthz", "/metrics"),
        *("/v1/people", "/v1/people/{person}", "/v1/people/{person}/end", "/v1/people/{person}/resume"),
        *("/v1/people/{person}/death", "/v1/people/{person}/representatives"),
        "/v1/people/{person}/representatives/{representative}",
        *("/v1/merges", "/v1/merges/{merge}/split", "/v1/merges/{merge}/approve"),
        *("/v1/covers", "/v1/covers/{transfer}/approve", "/v1/handovers", "/v1/handovers/{transfer}/approve"),
        *("/v1/people/{person}/code", "/v1/people/{person}/code/confirm", "/v1/feeds/interactions"),
        "/v1/people/{person}/space-invitation",
        *(
            "/v1/protections",
            "/v1/protections/{number}",
            "/v1/protections/{number}/lift",
            "/v1/grants",
            "/v1/grants/facts",
            "/v1/changes/{segment}",
            "/v1/exports",
            "/v1/exports/{act}/pages",
            "/v1/log/{segment}/checkpoint",
            "/v1/log/{segment}/tile/{level}/{place}",
            "/v1/log/{segment}/inclusion/{leaf}",
            "/v1/log/{segment}/consistency",
            "/v1/log/entries",
        ),
    }
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] and operation["description"] for operation in operations)
    assert all(re.fullmatch(r"[a-z_]+", operation["operationId"]) for operation in operations)
    for operation in operations:
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert "400" in errors  # an unknown parameter, at least
        assert ("requestBody" not in operation) or {"408", "413"} <= errors.keys()
        if "security" in operation:
            assert {"401", "503"} <= errors.keys()
            assert all("application/problem+json" in answer["content"] for answer in errors.values())


def test_document_is_whole(register: RunningRegister) -> None:
    """Each reference in the document leads somewhere, and each type is described."""
    answer = httpx.get(f"{register.url}/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    assert set(REFERENCE.findall(answer.text)) == set(schemas)
    assert all(schema.get("description") for schema in schemas.values())
    assert schemas["OpenRequests"]["properties"]["requests"]["maxItems"] == 64
    assert schemas["SearchRequest"]["additionalProperties"] is False
    assert schemas["SearchRequest"]["properties"]["birth_date"]["description"] == "A day: 1985-07-14"
    assert schemas["ChangedFields"]["minProperties"] == 1
    assert {"nir", "identifier", "email", "phone", "birth_name"} <= schemas["SearchRequest"]["properties"].keys()
    assert schemas["PersonRequest"]["properties"]["purpose"]["enum"][0] == "follow_up"


def test_unknown_address_is_a_problem(register: RunningRegister) -> None:
    """Whatever we do not serve is a 404 of ours, below the paths that Litestar would use too."""
    for path in (
        "/v2",
        "/v1",
        "/v1/people/search/1",
        "/v1/people/open/1",
        "/schema",
        "/static",
        "/static/signin.js",
        "/static/../pages.py",
        "/openapi",
        "/openapi/swagger",
        "/%00",
    ):
        problem(httpx.get(f"{register.url}{path}"), 404, "not_found")


def test_wrong_method_is_a_problem(register: RunningRegister) -> None:
    """A method that an address does not take is a 405 that says which it takes."""
    with calling(register, register.agent(0)) as api:
        for method, path in (("GET", "/v1/people/open"), ("DELETE", "/v1/session"), ("PUT", "/healthz")):
            answer = api.http.request(method, path)
            problem(answer, 405, "method_not_allowed")
            assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/openapi.json", "/v1/session", "/nowhere"])
def test_no_answer_is_kept_or_embedded(register: RunningRegister, path: str) -> None:
    """Every answer, errors too, forbids caches, sniffing and framing."""
    headers = httpx.get(f"{register.url}{path}").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


def test_problems_speak_french(register: RunningRegister) -> None:
    """Who prefers French reads French; type, code and status stay what they are."""
    english = httpx.get(f"{register.url}/v1/session")
    french = httpx.get(f"{register.url}/v1/session", headers={"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"})
    assert french.headers["content-language"] == "fr"
    assert french.headers["vary"] == "Accept-Language"
    assert french.json()["detail"].endswith("Connectez-vous de nouveau.")
    assert {k: v for k, v in french.json().items() if k not in {"title", "detail"}} == {
        k: v for k, v in english.json().items() if k not in {"title", "detail"}
    }


def test_figures_and_log_hold_nothing_personal(register: RunningRegister) -> None:
    """After openings, searches, misses and errors nothing of a person, an account or a session is in figures or log."""
    agent = register.agent(3)
    row = agent.people[0]
    with calling(register, agent) as api:
        person = api.found(row)
        assert api.open([person], compartments=["identity", "contact"])[0]["outcome"] == "open"
        api.search(birth_name=row["birth_name"], birth_date=row["birth_date"])
        for body in (b'{"email": "' + row["email"].encode(), {"email": row["birth_name"], "purpose": PURPOSE}):
            assert api.post("/v1/people/search", body).status_code == 400
        api.http.get(f"/v1/people/{person}")
        api.http.get(f"/v1/caseload?after={row['identifier']}")
        figures = api.http.get("/metrics")
    written = figures.text + "".join(log.read_text(encoding="utf-8") for log in register.home.log.glob("*.log"))
    values = [
        value for name, value in row.items() if len(value) > 4 and name not in {"category", "postcode", "commune"}
    ]
    secrets = [agent.handle, agent.held.token, agent.held.token.partition(".")[2], person]
    assert [value for value in (*values, *secrets) if value in written] == []


def test_figures_count_what_happens(register: RunningRegister) -> None:
    """Requests, outcomes and errors are counted by words of ours, so that a flood of addresses makes no new series."""
    with calling(register, register.agent(0)) as api:
        api.open([uuid4()])
        for number in range(3):
            api.http.get(f"/v1/nowhere/{number}")
        figures = api.http.get("/metrics").text
    assert 'cloison_outcomes_total{act="open",outcome="scope"}' in figures
    assert 'cloison_requests_total{route="/v1/people/open",status="200"}' in figures
    assert 'cloison_requests_total{route="other",status="404"}' in figures
    assert 'cloison_problems_total{code="not_found"}' in figures
    assert "nowhere" not in figures
    assert set(re.findall(r"[{,](\w+)=", figures)) == {"route", "status", "act", "outcome", "code", "kind", "le"}
