"""Attackers who want to come in: with a list of passwords, a credulous help desk, a copied token, a manager's machine.

They use the doors as everybody does. Whatever session one of them gets is used at once to take people.
"""

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec

from cloison.client import Client, Credentials, DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SignedIn, SigninClient
from cloison.errors import CloisonError
from cloison.replay.attackers import CLIENT_SECONDS, Prey, guessed_identifiers
from cloison.replay.loot import Loot

PASSWORDS = ("azerty", "Bienvenue1", "Printemps2024!", "motdepasse")  # of a list that leaked elsewhere
FACTS = {"birth_date": "1979-05-12", "agency": "lille"}  # of a social network
ADVISER, MANAGER = "adviser", "manager"  # accounts of the register as it was
ACCOUNTS = 2  # that the hijacked manager's machine creates
PATIENCE_SECONDS, PAUSE_SECONDS = 2.0, 0.25  # while somebody might sign what waits
PLACES = ("/v1/signin", "/v1/token", "/v1/touch", "/v1/signin/provider", "/v1/signin/provider/return", "/login")

Answer = TypeVar("Answer")


class Victim(msgspec.Struct, frozen=True):
    """The account that is wanted, and where its holder signs in."""

    signin: str
    segment: str
    account: UUID
    handle: str


# -- as it was --------------------------------------------------------------------------------------------------------


async def stolen_password_off(prey: Prey, loot: Loot) -> None:
    """Tries a list of passwords until one is the adviser's."""
    for password in PASSWORDS:
        if token := await _asked(prey, "/v1/signin", account=ADVISER, password=password):
            await guessed_identifiers(_with(prey, token["token"]), loot)


async def help_desk_reset_off(prey: Prey, loot: Loot) -> None:
    """Tells the help desk what it wants to hear, and signs in by the password that it gives."""
    if given := await _asked(prey, "/v1/helpdesk", account=ADVISER, **FACTS):
        token = await _asked(prey, "/v1/signin", account=ADVISER, password=given["password"])
        await guessed_identifiers(_with(prey, token["token"]), loot)


async def hijacked_manager_off(prey: Prey, loot: Loot) -> None:
    """Creates accounts with the manager's token, and signs in by them."""
    manager = await _asked(prey, "/v1/signin", account=MANAGER, password=PASSWORDS[1])
    for number in range(ACCOUNTS):
        named = {"account": f"temp{number}", "password": "x"}
        await _asked(prey, "/v1/accounts", token=manager["token"], **named)
        token = await _asked(prey, "/v1/signin", **named)
        await guessed_identifiers(_with(prey, token["token"]), loot)


# -- at the doors -----------------------------------------------------------------------------------------------------


async def stolen_password(prey: Prey, victim: Victim, loot: Loot) -> None:
    """Sends passwords wherever somebody might take one, a passkey of its own in the victim's name, guessed codes."""
    async with httpx.AsyncClient(base_url=victim.signin, timeout=CLIENT_SECONDS, trust_env=False) as http:
        for place in PLACES:
            for password in PASSWORDS:
                body = {"account": victim.handle, "username": victim.handle, "password": password}
                answer = await http.post(place, json=body)
                loot.refused(str(answer.json().get("code", answer.status_code)) if answer.content else "nothing")
                if answer.is_success:
                    await _use(prey, answer.json(), loot)
    await _come_in_as(prey, victim, loot)


async def help_desk_reset(prey: Prey, victim: Victim, help_desk: SigninClient, loot: Loot) -> None:
    """Deceives somebody who runs the accounts: they ask for a recovery, and would hand the code over."""
    async with help_desk:
        await _refused(loot, lambda: help_desk.ask_for("account.recover", segment=victim.segment, handle=victim.handle))
        await _redeem(prey, victim, help_desk, victim.handle, loot)
    await _come_in_as(prey, victim, loot)


async def hijacked_cookie(prey: Prey, victim: Victim, loot: Loot) -> None:
    """Has the token, not the key: uses it with a key of its own, and sends again what the victim sent."""
    await guessed_identifiers(msgspec.structs.replace(prey, held=Credentials(prey.held.token, DeviceKey())), loot)
    url = f"{prey.base_url}/v1/caseload"
    async with httpx.AsyncClient(timeout=CLIENT_SECONDS, trust_env=False) as http:
        nonce = (await http.get(f"{prey.base_url}/healthz")).headers["dpop-nonce"]
        proof = prey.held.key.proof("GET", url, token=prey.held.token, nonce=nonce)
        seen = {"Authorization": f"DPoP {prey.held.token}", "DPoP": proof}
        await http.get(url, headers=seen)  # the victim's own request, whose headers the thief reads
        for address in (url, f"{url}?whole=true", f"{prey.base_url}/v1/session"):
            answer = await http.get(address, headers=seen)
            loot.refused(str(answer.json().get("code", answer.status_code)))
            loot.got(card["person"] for card in answer.json().get("cards", []))
    await _come_in_as(prey, victim, loot)


async def hijacked_manager(prey: Prey, victim: Victim, passkey: SoftwarePasskey, loot: Loot) -> None:
    """Has the manager's machine and passkey: asks for accounts, signs for them too, and hands itself the codes."""
    async with SigninClient(victim.signin, passkey) as manager:
        own = (await manager.account()).organisation
        for number in range(ACCOUNTS):
            handle = f"temp-{secrets.token_hex(3)}-{number}"
            details = {"handle": handle, "segment": victim.segment, "agency": "lille", "role": "reception"}
            asked = await _refused(loot, partial(manager.ask_for, "account.create", own, **details))
            if asked is not None:
                await _refused(loot, partial(manager.sign, asked.act))
            await _redeem(prey, victim, manager, handle, loot)
        elevate = {"segment": victim.segment, "handle": victim.handle, "role": "benefits"}
        await _refused(loot, lambda: manager.ask_for("account.elevate", **elevate))


# -- what they have in common ---------------------------------------------------------------------------------------


async def _come_in_as(prey: Prey, victim: Victim, loot: Loot) -> None:
    """A passkey of one's own that claims the victim's account; guessed codes and tokens."""
    host = urlsplit(victim.signin).hostname or ""
    claimed = f"{victim.segment}|{victim.account}".encode()
    passkey = SoftwarePasskey()
    user = {"id": _text(claimed), "name": victim.handle, "displayName": victim.handle}
    passkey.register({"rp": {"id": host, "name": ""}, "user": user, "challenge": _text(bytes(32))}, victim.signin)
    guess = f"{victim.segment}.{secrets.token_urlsafe(32)}"
    async with SigninClient(victim.signin, passkey) as door:
        signed_in = await _refused(loot, door.sign_in)
        if signed_in is not None:
            await _use(prey, signed_in, loot)
        await _refused(loot, lambda: door.redeem(guess))
    async with Client(prey.base_url, Credentials(guess, DeviceKey()), timeout=CLIENT_SECONDS) as desk:
        await _refused(loot, desk.session)


async def _redeem(prey: Prey, victim: Victim, insider: SigninClient, handle: str, loot: Loot) -> None:
    """Waits for a code, as somebody might sign what waits, and comes in by it."""
    for _ in range(round(PATIENCE_SECONDS / PAUSE_SECONDS)):
        handed = await _refused(loot, lambda: insider.hand_over(victim.segment, handle))
        if handed is not None:
            async with SigninClient(victim.signin, SoftwarePasskey()) as door:
                await _refused(loot, partial(door.redeem, handed.code))
                signed_in = await _refused(loot, door.sign_in)
                if signed_in is not None:
                    await _use(prey, signed_in, loot)
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _use(prey: Prey, gained: SignedIn | dict[str, str], loot: Loot) -> None:
    """Take people by a session that was gained."""
    held = gained.held if isinstance(gained, SignedIn) else Credentials(str(gained.get("token")), DeviceKey())
    await guessed_identifiers(msgspec.structs.replace(prey, held=held), loot)


async def _refused(loot: Loot, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
    """What was answered, or nothing where it was refused, which is noted."""
    try:
        return await ask()
    except CloisonError as error:
        loot.refused(error.code)
        return None


async def _asked(prey: Prey, path: str, token: str = "", **body: str) -> dict[str, str]:
    """What the register as it was answers; nothing where it refuses."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=prey.base_url, timeout=CLIENT_SECONDS, trust_env=False) as http:
        answer = await http.post(path, json=body, headers=headers)
    return dict(answer.json()) if answer.is_success else {}


def _with(prey: Prey, token: str) -> Prey:
    return msgspec.structs.replace(prey, held=Credentials(token, DeviceKey()))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
