"""Systems over HTTP: registered by two officers, known by their key, acting for an adviser who handed a session on."""

import asyncio
import base64
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from support.staffed import staffed
from support.systems import SEGMENT, Systems

from cloison.client import Client, Credentials, DeviceAuth, DeviceKey, PersonRequest
from cloison.client.service import ASSERTION_TYPE
from cloison.errors import (
    BadRequestError,
    ClientRefusedError,
    ClientScopeError,
    GrantRefusedError,
    NoClientError,
    NoSessionError,
    StepUpError,
)
from cloison.model import Outcome

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    """One home for all tests of this file."""
    with staffed(tmp_path_factory.mktemp("systems")) as staff:
        found = Systems(staff)
        found.bring_in_ada()
        found.act("organisations", "create", "Partner")
        for name, organisation in (("cases", "Service"), ("strange", "Partner")):
            found.register(name, organisation, "delegate")
        found.register("reader", "Service", "changes")
        yield found


async def test_adviser_hands_a_session_on(systems: Systems) -> None:
    """The system opens whom she may open, as her account: same entries, same budgets; no number without a touch."""
    async with systems.staff.client("ada") as ada, systems.client("cases") as cases:
        held = await cases.act_for(await ada.hand_on(systems.numbers["cases"]))
    async with Client(systems.staff.desk, held) as desk:
        session = await desk.session()
        cards = (await desk.caseload(whole=True)).cards
        assert (session.account, len(cards)) == ("ada", 3)
        assert session.expires_at <= datetime.now(UTC) + HOUR
        (opened,) = await desk.open([wanted(cards[0].person)])
        assert opened.outcome is Outcome.OPEN
        (number,) = await desk.open([wanted(cards[0].person, "nir")])
        assert number.outcome is Outcome.STEP_UP


async def test_what_was_handed_on_is_good_once_for_one(systems: Systems) -> None:
    """Attack: the token in transit is stolen by another system, shown twice, or shown without the key."""
    async with systems.staff.client("ada") as ada:
        handed = await ada.hand_on(systems.numbers["cases"])
        async with systems.client("strange") as other:
            with pytest.raises(GrantRefusedError):
                await other.act_for(handed)
        async with systems.client("cases", key="strange") as thief:
            with pytest.raises(ClientRefusedError):
                await thief.act_for(handed)
        async with systems.client("cases") as cases:
            await cases.act_for(handed)
            with pytest.raises(GrantRefusedError):
                await cases.act_for(handed)
            with pytest.raises(GrantRefusedError):
                await cases.act_for("made up")


async def test_nothing_is_handed_on_to_a_stranger(systems: Systems) -> None:
    """A system of another organisation, one for something else, or none; and not without a fresh touch."""
    async with systems.staff.client("ada") as ada:
        for client in (systems.numbers["strange"], systems.numbers["reader"], UUID(int=1)):
            with pytest.raises(ClientScopeError):
                await ada.hand_on(client)
        stale = "update cloison.session set touched_at = now() - interval '6 minutes' where door = 'signin'"
        systems.operated.superuser().execute(stale)
        with pytest.raises(StepUpError):
            await ada.hand_on(systems.numbers["cases"])


async def test_sign_out_ends_what_was_handed_on(systems: Systems) -> None:
    """Attack: the adviser has left, the system goes on; and what she handed on before is exchanged after."""
    async with systems.staff.client("ada") as ada, systems.client("cases") as cases:
        first, second = [await ada.hand_on(systems.numbers["cases"]) for _ in range(2)]
        held = await cases.act_for(first)
        assert await ada.sign_out() == 2
        async with Client(systems.staff.desk, held) as desk:
            with pytest.raises(NoSessionError):
                await desk.caseload(whole=True)
        with pytest.raises(GrantRefusedError):
            await cases.act_for(second)


async def test_system_has_no_way_of_its_own(systems: Systems) -> None:
    """Attack: its key alone, stolen, is a token for nothing that it was not registered for, and none opens anybody."""
    async with systems.client("cases") as cases:
        for use in ("scim", "changes", "feed"):
            with pytest.raises(GrantRefusedError):
                await cases.token(use)
    async with systems.client("reader") as reader:
        held = await reader.token("changes")
    async with Client(systems.staff.desk, held) as desk:
        assert (await desk.changes(SEGMENT)).changes == []
        with pytest.raises(NoSessionError):
            await desk.caseload(whole=True)
        with pytest.raises(NoSessionError):
            await desk.session()


async def test_session_handed_on_is_the_desks_alone(systems: Systems) -> None:
    """Attack: the system hands it on again, or signs an act with it: it is none of the sign-in door's."""
    async with systems.staff.client("ada") as ada, systems.client("cases") as cases:
        held = await cases.act_for(await ada.hand_on(systems.numbers["cases"]))
    async with httpx.AsyncClient(base_url=systems.staff.signin, auth=DeviceAuth(held), trust_env=False) as door:
        answer = await door.post("/v1/handoffs", json={"client": str(systems.numbers["cases"])})
        assert answer.status_code == 401
        assert (await door.get("/v1/acts")).status_code == 401


async def test_closed_system_ends_at_once(systems: Systems) -> None:
    """Its sessions, its tokens and its key are nothing from then on."""
    await asyncio.to_thread(systems.register, "leaving", "Service", "delegate")
    async with systems.staff.client("ada") as ada, systems.client("leaving") as leaving:
        held = await leaving.act_for(await ada.hand_on(systems.numbers["leaving"]))
        await asyncio.to_thread(systems.operated.do, "clients", "close", "leaving")
        async with Client(systems.staff.desk, held) as desk:
            with pytest.raises(NoSessionError):
                await desk.caseload(whole=True)
        with pytest.raises(ClientRefusedError):
            await leaving.act_for("whatever")
        with pytest.raises(ClientScopeError):
            await ada.hand_on(systems.numbers["leaving"])
    assert systems.operated.run("clients", "close", "leaving").status == 1


async def test_a_system_reads_what_changed(systems: Systems) -> None:
    """Whose record changed and how, once each, in the agreement's segments; nothing of what it says."""
    async with systems.staff.client("ada") as ada, systems.client("reader") as reader:
        held, mine = await reader.token("changes"), (await ada.sign_in()).held
    async with Client(systems.staff.desk, held) as reads, Client(systems.staff.desk, mine) as desk:
        before = (await reads.changes(SEGMENT)).cursor
        person = (await desk.caseload(whole=True)).cards[0].person
        changed = await desk.change(person, {"email": "moved@example.org"}, purpose="correction")
        page = await reads.changes(SEGMENT, before)
        (noted,) = page.changes
        assert (noted.person, noted.event, noted.version) == (person, "person_changed", changed.version)
        assert (await reads.changes(SEGMENT, page.cursor)).changes == []
        with pytest.raises(BadRequestError):
            await reads.changes(SEGMENT, "yesterday")
    async with Client(systems.staff.desk, mine) as desk:
        with pytest.raises(NoClientError):
            await desk.changes(SEGMENT)
    async with Client(systems.staff.desk, Credentials(held.token, DeviceKey())) as thief:
        with pytest.raises(NoClientError):
            await thief.changes(SEGMENT)


# -- the token endpoint, as any library of OAuth 2.0 sees it -----------------------------------------------------------


def asked(systems: Systems, *, assertion: str = "", **form: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a request for a token, which a device proved."""
    whole = {
        "grant_type": "client_credentials",
        "scope": "changes",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion or signed_assertion(systems),
        **form,
    }
    auth = DeviceAuth(Credentials("", DeviceKey()))
    answer = httpx.post(endpoint(systems), data=whole, auth=auth, trust_env=False)
    return answer.status_code, answer.json()


def endpoint(systems: Systems) -> str:
    """Where tokens are given."""
    return f"{systems.staff.signin}/oauth/token"


def signed_assertion(systems: Systems, algorithm: str = "ES256", **changes: object) -> str:
    """The reader's assertion, with `changes`."""
    pem = (systems.operated.folder / "reader.pem").read_text(encoding="ascii")
    client = str(systems.numbers["reader"])
    claims = {
        "iss": client,
        "sub": client,
        "aud": endpoint(systems),
        "jti": uuid4().hex,
        "exp": int(time.time()) + 60,
        **changes,
    }
    if algorithm == "ES256":
        return jwt.encode({"alg": algorithm}, claims, ECKey.import_key(pem))
    parts = [msgspec.json.encode(part) for part in ({"alg": algorithm}, claims)]
    said = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    if algorithm == "none":
        return f"{said}."
    public = (systems.operated.folder / "reader.pem.pub").read_bytes()  # a secret that everybody knows
    return f"{said}.{base64.urlsafe_b64encode(hmac.digest(public, said.encode(), 'sha256')).decode().rstrip('=')}"


def test_a_token_for_an_assertion(systems: Systems) -> None:
    """The answer of RFC 6749; the same assertion is good once."""
    assertion = signed_assertion(systems)
    status, said = asked(systems, assertion=assertion)
    assert (status, said["token_type"], said["expires_in"], said["scope"]) == (200, "DPoP", 600, "changes")
    assert asked(systems, assertion=assertion)[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"aud": "https://elsewhere.example.org/oauth/token"},
        {"aud": ["{endpoint}", "https://elsewhere.example.org"]},
        {"exp": 0},
        {"exp": 2**40},
        {"nbf": 2**40},
        {"jti": "short"},
        {"jti": None},
        {"iss": "someone"},
        {"iss": "00000000-0000-4000-8000-000000000001"},
        {"sub": "00000000-0000-4000-8000-000000000001"},
    ],
    ids=str,
)
def test_assertion_that_is_none(systems: Systems, changes: dict[str, Any]) -> None:
    """Attack: no algorithm, one of secrets, for another server, out of time, of somebody else: `invalid_client`."""
    if isinstance(changes.get("aud"), list):
        changes = {"aud": [endpoint(systems), changes["aud"][1]]}
    status, said = asked(systems, assertion=signed_assertion(systems, **changes))
    assert (status, said["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "invalid_request"),
        ({"scope": "delegate"}, "invalid_request"),
        ({"scope": "scim"}, "invalid_grant"),
        ({"client_assertion_type": "secret"}, "invalid_client"),
        ({"assertion": "x" * 5000}, "invalid_client"),
    ],
    ids=str,
)
def test_request_that_is_none(systems: Systems, form: dict[str, str], error: str) -> None:
    """Each of them has the word of the standard."""
    assert asked(systems, **form)[1]["error"] == error


def test_endpoint_without_a_proof_and_with_half_a_form(systems: Systems) -> None:
    """No token without a device's key; a field that is there twice is not guessed at."""
    answer = httpx.post(endpoint(systems), data={"grant_type": "client_credentials"}, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    auth = DeviceAuth(Credentials("", DeviceKey()))
    for body in (b"grant_type=a&grant_type=b", b"\xff=1", b"nothing", b"&".join(b"a%d=1" % n for n in range(40))):
        answer = httpx.post(endpoint(systems), content=body, auth=auth, trust_env=False)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), body


def wanted(person: UUID, compartment: str = "identity") -> PersonRequest:
    """A request for one compartment of somebody."""
    return PersonRequest(request=uuid4(), person=person, compartments=[compartment], purpose="follow_up")
