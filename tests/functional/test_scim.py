"""Joiners and leavers over SCIM 2.0: a directory asks and two officers sign; it takes away alone, and gives nothing."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from support.staffed import staffed
from support.systems import SEGMENT, Systems

from cloison.client import Client, Credentials, DeviceAuth, DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.errors import NoSessionError

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ACCOUNT = "urn:ietf:params:scim:schemas:extension:cloison:1.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
Json = dict[str, Any]


class Directory:
    """The organisation's directory, raw."""

    def __init__(self, systems: Systems, held: Credentials) -> None:
        """Speak to the service by what the directory was given."""
        self.systems = systems
        self.held = held
        self.base = f"{systems.staff.signin}/scim/v2"
        self.http = httpx.Client(base_url=self.base, auth=DeviceAuth(held), trust_env=False, timeout=30)

    def joins(self, handle: str, **changes: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        """Create a user, with more than we keep."""
        account = {"role": "adviser", "agency": "main", "segment": SEGMENT, **changes.pop("account", {})}
        body = {
            "schemas": [USER, ACCOUNT],
            "userName": handle,
            "externalId": f"staff-{handle}",
            "active": True,
            "name": {"familyName": "Dupont"},
            "emails": [{"value": "x@example.org"}],
            ACCOUNT: account,
            **changes,
        }
        return self.http.post("/Users", json=body)

    def changes(self, user: str, *operations: Json) -> httpx.Response:
        """PATCH a user."""
        return self.http.patch(f"/Users/{user}", json={"schemas": [PATCH], "Operations": list(operations)})

    def found(self, handle: str) -> list[Json]:
        """The users of that handle."""
        answer = self.http.get("/Users", params={"filter": f'userName eq "{handle}"'})
        assert answer.status_code == 200, answer.text
        return list(answer.json().get("Resources", []))

    def approve(self, act: str) -> None:
        """Both officers sign, at the sign-in door."""

        async def sign() -> list[str]:
            staff = self.systems.staff
            async with staff.client("anna") as anna, staff.client("ben") as ben:
                return [(await officer.sign(UUID(act))).state for officer in (anna, ben)]

        assert asyncio.run(sign()) == ["waiting", "done"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """The service's directory, and a partner without one."""
    with staffed(tmp_path_factory.mktemp("scim")) as staff:
        systems = Systems(staff)
        systems.register("directory", "Service", "scim")
        systems.act("organisations", "create", "Partner")
        systems.act(
            "accounts", "create", "theirs", "--segment", SEGMENT, "--organisation", "Partner", "--role", "partner"
        )

        async def given() -> Credentials:
            async with systems.client("directory") as client:
                return await client.token("scim")

        yield Directory(systems, asyncio.run(given()))


def test_joiner_waits_for_two_and_leaver_for_nobody(directory: Directory) -> None:
    """From the directory's first word to the adviser's first sign-in, and out again within the same second."""
    answer = directory.joins("clara")
    made = answer.json()
    assert (answer.status_code, made["active"], made[ACCOUNT]["state"]) == (201, False, "waiting")
    assert answer.headers["location"] == f"{directory.base}/Users/{made['id']}" == made["meta"]["location"]
    assert "name" not in made
    assert "Dupont" not in str(
        directory.systems.operated.superuser().execute("select a::text from cloison.act a").fetchall()
    )
    directory.approve(made["id"])
    (user,) = directory.found("clara")
    assert (user["id"], user["active"], user["externalId"]) == (made["id"], True, "staff-clara")
    held = asyncio.run(_comes_in(directory.systems, "clara"))
    gone = directory.changes(made["id"], {"op": "replace", "path": "active", "value": False})
    assert (gone.status_code, gone.json()["active"]) == (200, False)
    with pytest.raises(NoSessionError):
        asyncio.run(_session(directory.systems, held))
    assert directory.http.get(f"/Users/{made['id']}").status_code == 404
    assert directory.found("clara") == []
    again = directory.joins("clara")
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")


def test_role_is_asked_for(directory: Directory) -> None:
    """A change of role stays what it was until two have signed."""
    made = directory.joins("rosa").json()
    directory.approve(made["id"])
    answer = directory.changes(made["id"], {"op": "replace", "path": f"{ACCOUNT}:role", "value": "reception"})
    assert (answer.status_code, answer.json()[ACCOUNT]["role"]) == (200, "adviser")
    (asked,) = [
        act for act in directory.systems.operated.do("acts", "list")["acts"] if act["kind"] == "account.elevate"
    ]
    assert (asked["details"]["client"], asked["details"]["role"]) == ("directory", "reception")
    directory.approve(asked["act"])
    assert directory.found("rosa")[0][ACCOUNT]["role"] == "reception"


def test_whole_user_is_replaced(directory: Directory) -> None:
    """PUT says the same again, or closes; handle, holder, agency and segment stay."""
    made = directory.joins("pia").json()
    directory.approve(made["id"])
    body = {key: directory.found("pia")[0][key] for key in ("schemas", "userName", "externalId", "active", ACCOUNT)}
    url = f"/Users/{made['id']}"
    assert directory.http.put(url, json=body).json()["active"] is True
    for change in ({"userName": "other"}, {"externalId": "other"}, {ACCOUNT: {**body[ACCOUNT], "segment": "62"}}):
        answer = directory.http.put(url, json={**body, **change})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability"), answer.text
    assert directory.http.put(url, json={**body, "active": False}).json()["active"] is False
    assert directory.http.put(url, json=body).status_code == 404


def test_joiner_who_does_not_come(directory: Directory) -> None:
    """What waits is taken back by the same words; nobody signs it any more, and nobody is made active by a word."""
    made = directory.joins("nina").json()
    answer = directory.changes(made["id"], {"op": "replace", "value": {"active": True}})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")
    assert directory.joins("nina").status_code == 409
    assert directory.http.delete(f"/Users/{made['id']}").status_code == 204
    assert directory.http.delete(f"/Users/{made['id']}").status_code == 404
    assert directory.systems.operated.do("acts", "show", made["id"])["state"] == "refused"


def test_directory_is_of_one_organisation(directory: Directory) -> None:
    """Attack: another organisation's accounts, officers of the service, people's rights, by number, handle or act."""
    superuser = directory.systems.operated.superuser()
    (theirs,) = superuser.execute("select account from cloison.account where handle = 'theirs'").fetchone() or (None,)
    assert directory.found("theirs") == []
    for answer in (
        directory.http.get(f"/Users/{theirs}"),
        directory.http.delete(f"/Users/{theirs}"),
        directory.changes(str(theirs), {"op": "replace", "path": "active", "value": False}),
    ):
        assert answer.status_code == 404
    (officer,) = directory.found("anna")
    assert directory.http.delete(f"/Users/{officer['id']}").status_code == 404
    assert directory.found("anna")[0]["active"] is True


def test_who_is_no_directory(directory: Directory) -> None:
    """Attack: its token by another device, an adviser's or another use's, or none."""
    for held in (Credentials(directory.held.token, DeviceKey()), Credentials("_client." + "A" * 43, DeviceKey())):
        answer = httpx.get(f"{directory.base}/Users", auth=DeviceAuth(held), trust_env=False)
        assert (answer.status_code, answer.json()["status"]) == (401, "401")
    answer = httpx.get(f"{directory.base}/Users", headers={"Authorization": f"Bearer {directory.held.token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"account": {"role": "king"}}, "invalidValue"),
        ({"account": {"segment": "a b"}}, "invalidValue"),
        ({"account": {"agency": None}}, "invalidValue"),
        ({"userName": None}, "invalidValue"),
        ({"userName": "Anna Dupont"}, "invalidValue"),
        ({"userName": "x" * 65}, "invalidValue"),
        ({"active": False}, "invalidValue"),
        ({"active": "perhaps"}, "invalidValue"),
    ],
    ids=str,
)
def test_joiner_that_is_none(directory: Directory, changes: Json, kind: str) -> None:
    """Refused before anybody is asked to sign, by the word of the standard, without what was sent."""
    answer = directory.joins("zoe", **changes)
    assert (answer.status_code, answer.json()["scimType"]) == (400, kind), answer.text
    assert "Dupont" not in answer.text


def test_lists(directory: Directory) -> None:
    """Pages, filters, chosen attributes; a filter that is none is said to be none."""
    page = directory.http.get("/Users", params={"count": 1, "startIndex": 2}).json()
    assert (page["itemsPerPage"], page["startIndex"], page["totalResults"] >= 2) == (1, 2, True)
    beyond = directory.http.get("/Users", params={"startIndex": 5000}).json()
    assert (beyond["itemsPerPage"], beyond["totalResults"]) == (0, page["totalResults"])
    chosen = directory.http.get("/Users", params={"filter": 'externalId eq "staff-rosa"', "attributes": "userName"})
    (only,) = chosen.json()["Resources"]
    assert set(only) <= {"schemas", "id", "userName"}
    for wrong in (
        "userName eqq 1",
        'userName sw "a"',
        'name.familyName eq "Dupont"',
        'userName eq "a" or id pr',
        "x" * 301,
    ):
        answer = directory.http.get("/Users", params={"filter": wrong})
        assert answer.status_code == 400, answer.text


def test_bodies_that_are_none(directory: Directory) -> None:
    """No JSON, no patch, an unknown user: errors of the standard."""
    assert directory.http.post("/Users", content=b"{").json()["scimType"] == "invalidSyntax"
    made = directory.joins("eva").json()["id"]
    for body in ({}, {"schemas": [PATCH], "Operations": []}, {"schemas": [PATCH], "Operations": [{"op": "burn"}]}):
        assert directory.http.patch(f"/Users/{made}", json=body).status_code == 400
    for nobody in (str(uuid4()), "none"):
        answer = directory.http.get(f"/Users/{nobody}")
        assert answer.status_code == 404
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert directory.http.get("/Groups").status_code == 404


def test_a_strangers_checks(directory: Directory) -> None:
    """What scim2-tester, written by others, makes of the service: discovery and addresses that there are not."""
    client = httpx2.Client(base_url=directory.base, auth=_Signed(directory.held), trust_env=False)
    results = check_server(SyncSCIMClient(client), include_tags={"discovery", "misc"})
    assert len(results) >= 8
    assert [result for result in results if result.status not in {Status.SUCCESS, Status.SKIPPED}] == []


class _Signed(httpx2.Auth):
    """`DeviceAuth` for the other library's requests."""

    requires_request_body = True

    def __init__(self, held: Credentials) -> None:
        self._auth = DeviceAuth(held)

    def auth_flow(self, request: Any) -> Any:  # noqa: ANN401 - a generator of the library's requests
        return self._auth.auth_flow(request)


async def _comes_in(systems: Systems, handle: str) -> Credentials:
    """Redeem the invitation of somebody who was approved; what their desk is called with."""
    async with systems.staff.client("anna") as anna:
        code = (await anna.hand_over(SEGMENT, handle)).code
    async with SigninClient(systems.staff.signin, SoftwarePasskey()) as door:
        await door.redeem(code)
        return (await door.sign_in()).held


async def _session(systems: Systems, held: Credentials) -> None:
    async with Client(systems.staff.desk, held) as desk:
        await desk.session()
