"""Sessions over HTTP: no route of the desk's answers without one that lives."""

import secrets
import time

import httpx
import pytest
from support.api import Api, calling, problem, wanted
from support.desk import RunningRegister

from cloison.client import Credentials, DeviceKey
from cloison.store.pools import connect
from cloison.web.guard import PUBLIC

PERSON = "00000000-0000-4000-8000-000000000000"
ROUTES = [
    ("POST", "/v1/people/search", {"email": "a@example.org", "purpose": "follow_up"}),
    ("POST", "/v1/people/open", {"requests": [wanted(PERSON)]}),
    ("GET", "/v1/caseload", None),
    ("GET", "/v1/session", None),
]


def ask(api: Api, method: str, path: str, body: object) -> httpx.Response:
    """Call one of the desk's routes."""
    return api.http.get(path) if method == "GET" else api.post(path, body)


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
@pytest.mark.parametrize(
    "token", ["x", "59.", f"59.{'A' * 42}", f"59.{'A' * 44}", f"59 .{'A' * 43}", f"59.{'é' * 43}".encode().hex()]
)
def test_without_a_token_nobody_comes_in(
    register: RunningRegister, method: str, path: str, body: object, token: str
) -> None:
    """No token, or a malformed one, is a 401 that says how to authenticate."""
    for held in (Credentials(token, DeviceKey()), None):
        with calling(register, held) as api:
            answer = ask(api, method, path, body)
        problem(answer, 401, "no_session")
        assert answer.headers["www-authenticate"] == 'DPoP algs="ES256"'


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_guessed_token_does_not_come_in(register: RunningRegister, method: str, path: str, body: object) -> None:
    """A well-formed token that was never issued is a 401."""
    with calling(register, Credentials(f"59.{secrets.token_urlsafe(32)}", DeviceKey())) as api:
        problem(ask(api, method, path, body), 401, "no_session")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_token_of_another_segment_does_not_come_in(
    register: RunningRegister, method: str, path: str, body: object
) -> None:
    """A living session's secret under another segment is no session there."""
    held = register.agent(0).held
    _, _, secret = held.token.partition(".")
    with calling(register, Credentials(f"75.{secret}", held.key)) as api:
        problem(ask(api, method, path, body), 401, "no_session")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_expired_session_does_not_come_in(register: RunningRegister, method: str, path: str, body: object) -> None:
    """A session past its time is a 401 in every route."""
    agent = register.agent(0)
    held = register.session(agent.handle, seconds=1)
    time.sleep(1.1)
    with calling(register, held) as api:
        problem(ask(api, method, path, body), 401, "no_session")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_ended_session_does_not_come_in(register: RunningRegister, method: str, path: str, body: object) -> None:
    """Signing an account out ends its sessions at once."""
    agent = register.agent(0)
    with connect(register.home, "owner") as owner:
        owner.execute(
            "select cloison.end_sessions_v1(segment, account) from cloison.account where handle = %s", (agent.handle,)
        )
    with calling(register, agent) as api:
        problem(ask(api, method, path, body), 401, "no_session")


@pytest.mark.parametrize("scheme", ["dpop", "DPOP"])
def test_the_scheme_has_no_case(register: RunningRegister, scheme: str) -> None:
    """RFC 9110: the name of an authentication scheme is case-insensitive."""
    held = register.agent(0).held
    nonce = httpx.get(f"{register.url}/healthz").headers["dpop-nonce"]
    proof = held.key.proof("GET", f"{register.url}/v1/session", token=held.token, nonce=nonce)
    header = {"Authorization": f"{scheme} {held.token}", "DPoP": proof}
    assert httpx.get(f"{register.url}/v1/session", headers=header).status_code == 200


@pytest.mark.parametrize("header", ["Basic YTpi", "DPoP", "Token 59.x", "DPoP  59.x", f"Bearer 59.{'A' * 43}"])
def test_other_schemes_do_not_come_in(register: RunningRegister, header: str) -> None:
    """A header of another scheme, or an empty one, is no session."""
    problem(httpx.get(f"{register.url}/v1/session", headers={"Authorization": header}), 401, "no_session")


def test_token_in_the_address_is_no_token(register: RunningRegister) -> None:
    """A token is read from its header alone: addresses end up in logs."""
    token = register.agent(0).held.token
    problem(httpx.get(f"{register.url}/v1/session", params={"access_token": token}), 401, "no_session")


def test_public_routes_are_a_closed_list(register: RunningRegister) -> None:
    """What answers without a session is exactly what `guard.PUBLIC` names."""
    document = httpx.get(f"{register.url}/openapi.json").json()
    open_to_all = {
        path for path, item in document["paths"].items() for operation in item.values() if "security" not in operation
    }
    assert open_to_all | {"/openapi.json"} == PUBLIC
    assert all(httpx.get(f"{register.url}{path}").status_code == 200 for path in PUBLIC)
