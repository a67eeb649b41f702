"""The sign-in door over plain HTTP, as a thief speaks to it who has no client of ours; rows are in `signing.py`."""

from typing import Any

import httpx
import msgspec

from cloison.client.device import Credentials, DeviceAuth, DeviceKey
from cloison.client.passkey import Lies
from support.staffed import Staffed

NEWCOMER = {"segment": "59", "agency": "lille", "role": "adviser"}


def post(door: httpx.Client, path: str, body: object, auth: httpx.Auth | None = None) -> httpx.Response:
    """An answer of the door."""
    return door.post(path, content=msgspec.json.encode(body), auth=auth or httpx.USE_CLIENT_DEFAULT)


def said(answer: httpx.Response) -> tuple[int, str, str]:
    """A refusal as somebody sees it who compares refusals: status, kind, sentence."""
    problem = answer.json()
    return answer.status_code, problem["code"], problem["detail"]


def touched(staff: Staffed, door: httpx.Client, handle: str = "anna", **lies: Any) -> dict[str, Any]:  # noqa: ANN401
    """A sign-in's body as the browser of `handle` sends it, with lies of its authenticator or page."""
    begun = post(door, "/v1/signin/options", {}).json()
    passkey = staff.passkeys[handle]
    passkey.lies = Lies(**lies)
    credential = passkey.touch(begun["publicKey"], staff.signin)
    passkey.lies = Lies()
    return {"ceremony": begun["ceremony"], "credential": credential, "jkt": DeviceKey().jkt, "door": "desk"}


def code_for(staff: Staffed, door: httpx.Client, key: DeviceKey, where: str = "desk") -> str:
    """A code that a sign-in of anna's ended in."""
    answer = post(door, "/v1/signin", {**touched(staff, door), "jkt": key.jkt, "door": where})
    return str(answer.json()["code"])


def device(key: DeviceKey, token: str = "") -> DeviceAuth:
    """Signs requests with this key."""
    return DeviceAuth(Credentials(token, key))
