"""Thieves at the sign-in door, over HTTP: ceremonies altered, replayed, meant for something else or from elsewhere."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.signing_http import NEWCOMER, code_for, device, post, said, touched
from support.staffed import Staffed, staffed

from cloison.client import Client
from cloison.client.device import DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SignedIn, SigninClient
from cloison.errors import (
    ActScopeError,
    CeremonyError,
    FactorRefusedError,
    NoSessionError,
)
from cloison.processes import keeper_of


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """A served home with two officers who have come in."""
    with staffed(tmp_path_factory.mktemp("staffed")) as found:
        yield found


@pytest.fixture
def door(staff: Staffed) -> Iterator[httpx.Client]:
    """Plain HTTP to the sign-in door."""
    with httpx.Client(base_url=staff.signin, trust_env=False) as client:
        yield client


# -- origins, RP IDs, downgrades


@pytest.mark.parametrize("where", ["desk", "look-alike", "subdomain", "plain address", "opaque"])
def test_assertion_made_on_another_origin(staff: Staffed, door: httpx.Client, where: str) -> None:
    """A touch asked for by the desk's pages, or by a look-alike that passes it on, signs nobody in."""
    port = staff.signin.rpartition(":")[2]
    origins = {
        "desk": f"http://localhost:{staff.desk.rpartition(':')[2]}",
        "look-alike": f"http://localhost.example.org:{port}",
        "subdomain": f"http://evil.localhost:{port}",
        "plain address": f"http://127.0.0.1:{port}",
        "opaque": "null",
    }
    answer = post(door, "/v1/signin", touched(staff, door, origin=origins[where]))
    assert said(answer)[:2] == (403, "factor_refused")


@pytest.mark.parametrize(
    "lies",
    [
        {"rp_id": "example.org"},
        {"verified": False},
        {"present": False},
        {"backup_eligible": True},
        {"ceremony": "webauthn.create"},
        {"challenge": bytes(32)},
        {"client_data": {"crossOrigin": True}},
        {"client_data": {"topOrigin": "http://example.org"}},
        {"user": b"00|00000000-0000-0000-0000-000000000000"},
        {"user": b"anna"},
    ],
    ids="-".join,
)
def test_downgraded_or_diverted_assertion(staff: Staffed, door: httpx.Client, lies: dict[str, Any]) -> None:
    """Another RP ID, no PIN, nobody there, a copyable passkey, another ceremony, a frame, another user: refused."""
    assert said(post(door, "/v1/signin", touched(staff, door, **lies)))[:2] == (403, "factor_refused")


async def test_none_attestation_where_makes_are_listed(staff: Staffed) -> None:
    """Where an agreement lists makes, a passkey that proves none registers nowhere: refused, not taken as any."""
    async with staff.client("anna") as anna:
        owner = staff.operated.superuser()
        owner.execute(
            "insert into cloison.signin_terms (organisation, aaguids) select organisation, "
            "array['d8522d9f-575b-4866-88a9-ba99fa02f35b']::uuid[] from cloison.organisation where name = 'Service'"
        )
        try:
            with pytest.raises(FactorRefusedError):
                await anna.add_passkey(SoftwarePasskey())
        finally:
            owner.execute("delete from cloison.signin_terms")


# -- replays


def test_ceremony_shown_again(staff: Staffed, door: httpx.Client) -> None:
    """A sign-in that was overheard, sent again as it was or for another device, is refused."""
    body = touched(staff, door)
    assert post(door, "/v1/signin", body).status_code == 200
    for again in (body, body | {"jkt": DeviceKey().jkt}):
        assert said(post(door, "/v1/signin", again))[1] in {"ceremony", "factor_refused"}
    assert post(door, "/v1/signin", touched(staff, door)).status_code == 200  # and anna's passkey is not frozen


def test_code_used_twice_or_by_another_key(staff: Staffed, door: httpx.Client) -> None:
    """Session fixation, login CSRF: a code is for the key that it was made for, and good once."""
    key, other = DeviceKey(), DeviceKey()
    code = code_for(staff, door, key)
    assert said(post(door, "/v1/token", {"code": code}, device(other)))[1] == "ceremony"
    assert post(door, "/v1/token", {"code": code}).json()["code"] == "proof"
    token = post(door, "/v1/token", {"code": code}, device(key)).json()
    assert token["token"].startswith("00.")
    assert said(post(door, "/v1/token", {"code": code}, device(key)))[1] == "ceremony"


async def test_code_used_twice_at_once(staff: Staffed, door: httpx.Client) -> None:
    """Ten exchanges of one code at the same instant begin one session, for the keeper too."""
    key = DeviceKey()
    code = code_for(staff, door, key)
    before = await kept_sessions(staff)
    async with SigninClient(staff.signin, staff.passkeys["anna"]) as client:
        answers = await asyncio.gather(*[client.exchange(code, key) for _ in range(10)], return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, CeremonyError)]
    assert (len(answers) - len(refused), len(refused)) == (1, 9)
    assert await kept_sessions(staff) == before + 1


async def kept_sessions(staff: Staffed) -> int:
    """How many sessions the keeper knows."""
    async with keeper_of(staff.operated.home, "issuer") as keeper:
        return (await keeper.status()).sessions


def test_altered_code(staff: Staffed, door: httpx.Client) -> None:
    """A code with one character changed, cut short, or of another purpose is none."""
    key = DeviceKey()
    code = code_for(staff, door, key)
    ceremony = post(door, "/v1/signin/options", {}).json()["ceremony"]
    changed = code[:40] + ("A" if code[40] != "A" else "B") + code[41:]
    for wrong in (changed, code[:-4], ceremony, "", "ü"):
        assert said(post(door, "/v1/token", {"code": wrong}, device(key)))[:2] == (403, "ceremony")


def test_replayed_proof(staff: Staffed, door: httpx.Client) -> None:
    """A request overheard whole, token and proof, is refused when it is sent again, and with another body."""
    key = DeviceKey()
    token = post(door, "/v1/token", {"code": code_for(staff, door, key, "signin")}, device(key)).json()["token"]
    sent = door.get("/v1/account", auth=device(key, token))
    assert sent.status_code == 200
    overheard = {name: sent.request.headers[name] for name in ("authorization", "dpop")}
    assert said(door.get("/v1/account", headers=overheard))[1] == "proof"
    assert said(door.post("/v1/signout", headers=overheard, content=b'{"everywhere":true}'))[1] == "proof"
    assert door.get("/v1/account", auth=device(key, token)).status_code == 200


def test_token_without_its_device(staff: Staffed, door: httpx.Client) -> None:
    """A copied token is nothing: with another key, as a bearer token, without a proof, at the desk."""
    key = DeviceKey()
    token = post(door, "/v1/token", {"code": code_for(staff, door, key, "signin")}, device(key)).json()["token"]
    assert said(door.get("/v1/account", auth=device(DeviceKey(), token)))[:2] == (401, "no_session")
    assert said(door.get("/v1/account", headers={"authorization": f"Bearer {token}"}))[:2] == (401, "no_session")
    assert said(door.get("/v1/account", headers={"authorization": f"DPoP {token}"}))[:2] == (401, "proof")
    assert said(door.get("/v1/account", headers={"cookie": f"session={token}"}))[:2] == (401, "no_session")


def test_clients_clock(staff: Staffed, door: httpx.Client) -> None:
    """A clock that is a day off is told; the client learns the server's, and a minute's difference is nothing."""
    key = DeviceKey()
    token = post(door, "/v1/token", {"code": code_for(staff, door, key, "signin")}, device(key)).json()["token"]
    nonce = door.get("/v1/account", auth=device(key, token)).headers["dpop-nonce"]
    for ahead, status in ((60, 200), (-60, 200), (86_400, 401), (-86_400, 401)):
        proof = key.proof("GET", f"{staff.signin}/v1/account", token=token, nonce=nonce, ahead=ahead)
        answer = door.get("/v1/account", headers={"authorization": f"DPoP {token}", "dpop": proof})
        assert answer.status_code == status, ahead


# -- other purposes, other doors


async def test_sessions_keep_to_their_door(staff: Staffed) -> None:
    """A desk's session does nothing at the sign-in door, and the other way round."""
    async with staff.client("anna") as anna:
        for_desk, for_door = await anna.sign_in("desk"), await anna.sign_in("signin")
        crossed = SigninClient(staff.signin, staff.passkeys["anna"])
        crossed._member = SignedIn(for_desk.session, for_desk.held)  # noqa: SLF001 - a thief's client
        async with crossed:
            for call in (
                crossed.account(),
                crossed.waiting(),
                crossed.ask_for("account.create", "Service", handle="x", **NEWCOMER),
                crossed.hand_over("59", "x"),
                crossed.tend("freeze", "00", "ben"),
                crossed.add_passkey(SoftwarePasskey()),
            ):
                with pytest.raises(NoSessionError):
                    await call
        async with Client(staff.desk, for_door.held) as desk:
            with pytest.raises(NoSessionError):
                await desk.session()


async def test_ceremony_of_another_purpose(staff: Staffed, door: httpx.Client) -> None:
    """A draft, a code or an enrolment is no sign-in, and a sign-in's challenge enrols no passkey."""
    passkey = staff.passkeys["anna"]
    async with staff.client("anna") as anna:
        draft = await anna.draft("account.create", "Service", handle="x", **NEWCOMER)
        begun = await anna._ask("POST", "/v1/account/factors/options", {}, dict)  # noqa: SLF001 - a thief's client
        begun_signin = post(door, "/v1/signin/options", {}).json()
        credential = passkey.touch(draft.publicKey, staff.signin)
        body = {"credential": credential, "jkt": DeviceKey().jkt}
        for text in (draft.draft[:4_096], code_for(staff, door, DeviceKey()), begun["ceremony"]):
            assert said(post(door, "/v1/signin", {**body, "ceremony": text}))[1] == "ceremony"
        asked = begun["publicKey"] | {"challenge": begun_signin["publicKey"]["challenge"]}
        made = {"ceremony": begun_signin["ceremony"], "credential": SoftwarePasskey().register(asked, staff.signin)}
        with pytest.raises(CeremonyError):
            await anna._ask("POST", "/v1/account/factors", made, dict)  # noqa: SLF001


async def test_touch_for_an_act_signs_nobody_in(staff: Staffed, door: httpx.Client) -> None:
    """The signature of an act answers the challenge of no sign-in, and a sign-in's touch signs no act."""
    passkey = staff.passkeys["anna"]
    async with staff.client("anna") as anna:
        draft = await anna.draft("account.create", "Service", handle="x", **NEWCOMER)
        begun = post(door, "/v1/signin/options", {}).json()
        signed = passkey.touch(draft.publicKey, staff.signin)
        body = {"ceremony": begun["ceremony"], "credential": signed, "jkt": DeviceKey().jkt}
        assert said(post(door, "/v1/signin", body))[1] == "factor_refused"
        touch = passkey.touch(begun["publicKey"], staff.signin)
        with pytest.raises(FactorRefusedError):
            await anna._ask("POST", "/v1/acts/sign", {"draft": draft.draft, "credential": touch}, dict)  # noqa: SLF001


async def test_draft_altered_or_of_somebody_else(staff: Staffed) -> None:
    """What is asked is the draft that was shown: changed by a character it is none, and another's is not one's own."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        await ben.account()  # signed in: a touch from before a later one is taken for a copy's
        draft = await anna.draft("account.create", "Service", handle="y", **NEWCOMER)
        signed = staff.passkeys["anna"].touch(draft.publicKey, staff.signin)
        changed = draft.draft[:60] + ("A" if draft.draft[60] != "A" else "B") + draft.draft[61:]
        with pytest.raises(CeremonyError):
            await anna._ask("POST", "/v1/acts/sign", {"draft": changed, "credential": signed}, dict)  # noqa: SLF001
        by_ben = staff.passkeys["ben"].touch(draft.publicKey, staff.signin)
        with pytest.raises(ActScopeError):
            await ben._ask("POST", "/v1/acts/sign", {"draft": draft.draft, "credential": by_ben}, dict)  # noqa: SLF001
        with pytest.raises(ActScopeError):  # anna's session, ben's passkey: a captured page
            await anna._ask("POST", "/v1/acts/sign", {"draft": draft.draft, "credential": by_ben}, dict)  # noqa: SLF001


# -- the web around it


def test_csrf_and_other_origins(staff: Staffed, door: httpx.Client) -> None:
    """No cookie is set or read, no other origin may read an answer or send what is no simple request."""
    for method, path in (("POST", "/v1/signin/options"), ("POST", "/v1/signout"), ("GET", "/v1/acts"), ("GET", "/")):
        for origin in ("https://evil.example.org", "null", staff.signin.replace("localhost", "localhost.example.org")):
            headers = {"origin": origin, "cookie": "session=00.x; token=00.x"}
            for answer in (
                door.request(method, path, headers=headers),
                door.options(path, headers={**headers, "access-control-request-method": method}),
            ):
                assert "set-cookie" not in answer.headers
                assert not [name for name in answer.headers if name.startswith("access-control-allow")]
    assert door.post("/v1/signout", headers={"cookie": "session=x"}, content=b"{}").status_code == 401


def test_account_enumeration(staff: Staffed, door: httpx.Client) -> None:
    """Who has no passkey, who has another one, and who does not exist get the same answer; so do codes."""
    (user,) = staff.operated.superuser().execute(
        "select segment || '|' || account from cloison.account where handle = 'ben'"
    ).fetchone() or ("",)
    users = [user.encode(), b"00|" + b"00000000-0000-4000-8000-000000000000", b"62|" + user.encode()[3:]]
    answers = [said(post(door, "/v1/signin", touched(staff, door, user=each))) for each in users]
    assert len(set(answers)) == 1
    codes = ["00." + "A" * 43, "59." + "B" * 43, "00.x", "", "zz"]
    told = {said(post(door, "/v1/invitations/options", {"code": code})) for code in codes}
    assert len(told) == 1
    plain = [post(door, "/v1/signin/options", {}).json()["publicKey"] for _ in range(2)]
    assert [each | {"challenge": ""} for each in plain] == [plain[0] | {"challenge": ""}] * 2
    assert plain[0].get("allowCredentials", []) == []


MALFORMED: list[object] = [
    {},
    {"id": 1},
    {"id": "x", "rawId": "x", "type": "public-key", "response": []},
    {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "\u0000"}},
    {"id": "é", "rawId": "é", "type": "public-key", "response": {"clientDataJSON": "é", "userHandle": "é"}},
    {"id": None, "rawId": None, "type": None, "response": None},
]


@pytest.mark.parametrize("credential", MALFORMED)
def test_malformed_credentials(door: httpx.Client, credential: object) -> None:
    """Whatever is sent as a passkey's answer is refused, and nothing breaks."""
    begun = post(door, "/v1/signin/options", {}).json()
    body = {"ceremony": begun["ceremony"], "credential": credential, "jkt": DeviceKey().jkt}
    assert said(post(door, "/v1/signin", body))[:2] == (403, "factor_refused")
    touch = {"ceremony": begun["ceremony"], "credential": credential, "session": "00000000-0000-4000-8000-000000000000"}
    assert said(post(door, "/v1/touch", touch))[:2] == (403, "factor_refused")
