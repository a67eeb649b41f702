"""What the door's routes work with; made when the application starts, kept in its state."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from litestar import Request
from psycopg_pool import AsyncConnectionPool

from cloison.access import factors
from cloison.access.evidence import Assertion
from cloison.access.factors import FactorRefusal, KnownFactor, Rules
from cloison.client.signin_wire import Ceremony, Json
from cloison.errors import AccountRefusedError, CeremonyError, NoSessionError, StepUpError
from cloison.keeper.client import Keeper
from cloison.signin.ceremonies import SECONDS, Ceremonies, Challenge, Purpose, spent_as
from cloison.store.faults import error_of

FACTORS = (
    "select factor, credential, public_key, sign_count, aaguid, backup_eligible, synced, aaguids "
    "from cloison.factors_v1(%s, %s)"
)
TOUCHED = "select cloison.touched_v1(%s, %s, %s, %s, %s, %s, %s)"
STATES = {
    "closed": "it is closed",
    "unreviewed": "nobody has said for a year that it is still needed",
    "frozen": "it is frozen",
    "agreement": "no agreement covers it",
}


class Person(msgspec.Struct, frozen=True):
    """Whose passkey was touched, and the assertion that says so."""

    segment: str
    account: UUID
    factor: UUID
    public_key: bytes
    assertion: Assertion


class SigninDoor(msgspec.Struct, frozen=True):
    """The login's connections, the keeper as issuer, and what passkeys must be."""

    pool: AsyncConnectionPool[psycopg.AsyncConnection]
    keeper: Keeper
    ceremonies: Ceremonies
    rules: Rules

    async def ask(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """The rows of one statement; raises DatabaseUnavailableError, DatabaseRefusedError."""
        try:
            async with self.pool.connection() as connection:
                return await (await connection.execute(statement, list(values))).fetchall()
        except psycopg.Error as error:
            raise error_of(error) from None

    def begin(self, purpose: Purpose) -> Ceremony:
        """What a passkey is asked to sign in, or for a touch."""
        challenge = secrets.token_bytes(factors.CHALLENGE_BYTES)
        options = factors.signin_options(self.rules, challenge)
        return Ceremony(self.ceremonies.challenge(purpose, challenge), options)

    async def person(self, ceremony: str, credential: Json) -> Person:
        """Whose passkey answered a challenge of ours; the challenge is used up.

        Raises CeremonyError, FactorRefusedError, AccountRefusedError.
        """
        kept = self.ceremonies.open(Purpose.SIGN_IN, ceremony, Challenge)
        return await self.signer(
            credential, kept.challenge, spent_as(ceremony), SECONDS[Purpose.SIGN_IN], kept.given_at
        )

    async def signer(
        self,
        credential: Json,
        challenge: bytes,
        spent: bytes | None = None,
        seconds: int = 300,
        given_at: datetime | None = None,
    ) -> Person:
        """Whose passkey answered this challenge, known as `spent` once it is used up; raises as `person` does.

        `given_at`: when the challenge was, if it is a challenge of its own. By default the answer alone is used up, and
        another touch for the same challenge is taken: that of an act, which the database lets everybody sign once.
        """
        assertion = factors.presented_by(credential)
        spent = spent or hashlib.sha256(assertion.signature).digest()
        segment, account = factors.decode_user(assertion.user or b"")
        rows = await self.ask(FACTORS, (segment, account))
        row = next((row for row in rows if row[1] == assertion.credential), None)
        if row is None:
            raise factors.refused(FactorRefusal.CREDENTIAL)
        factor, credential_id, public_key, _, aaguid, eligible, synced, aaguids = row
        known = KnownFactor(
            credential=credential_id,
            public_key=public_key,
            sign_count=0,  # the database compares, so that of two copies at the same instant one is found
            aaguid=aaguid,
            backup_eligible=eligible,
            user=factors.encode_user(segment, account),
        )
        touch = factors.verify_assertion(self.rules_for(synced, aaguids), challenge, credential, known)
        ((state,),) = await self.ask(TOUCHED, (segment, account, factor, touch.sign_count, given_at, spent, seconds))
        _refuse(state)
        return Person(segment, account, factor, public_key, assertion)

    def rules_for(self, synced: bool, aaguids: Sequence[UUID] | None) -> Rules:  # noqa: FBT001 - as the database has it
        """What passkeys of an account must be, as its organisation's terms say.

        Raises FactorRefusedError where makes are listed and this door has no root to prove one by: it takes none then.
        """
        if aaguids is not None and not self.rules.roots:
            raise factors.refused(FactorRefusal.ATTESTATION)
        allowed = None if aaguids is None else frozenset(aaguids)
        return msgspec.structs.replace(self.rules, synced=synced, aaguids=allowed)


def _refuse(state: str) -> None:
    if state == "spent":
        raise CeremonyError
    if state == "none":
        raise factors.refused(FactorRefusal.CREDENTIAL)
    if state == "cloned":
        raise factors.refused(FactorRefusal.CLONED)
    if state != "open":
        raise AccountRefusedError(reason=STATES[state])


def refused(word: str) -> None:
    """Raise what a function of the sign-in door's answers instead of `open`."""
    if word == "no_session":
        raise NoSessionError
    if word == "step_up":
        raise StepUpError
    if word == "spent":
        raise CeremonyError


def door_of(request: Request[Any, Any, Any]) -> SigninDoor:
    """The door that serves this request."""
    door: SigninDoor = request.app.state.door
    return door
