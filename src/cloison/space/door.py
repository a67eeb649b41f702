"""What the door's routes work with; made when the application starts, kept in its state."""

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from litestar import Request
from psycopg_pool import AsyncConnectionPool

from cloison.access import factors, totp
from cloison.access.factors import FactorRefusal, KnownFactor, Rules
from cloison.access.sessions import new_session
from cloison.access.spaces import Keys, keys_of
from cloison.client.signin_wire import Ceremony, Json
from cloison.client.space_wire import Enrolment, NewPasskey, Phone, SpaceToken
from cloison.errors import CeremonyError, LastWayError, NoSessionError, SpaceRefusedError, StepUpError
from cloison.signin.ceremonies import SECONDS, Ceremonies, Challenge, Purpose, spent_as
from cloison.space.comparing import Comparing
from cloison.store.faults import error_of

FACTORS = "select factor, credential, public_key, aaguid, backup_eligible from cloison.space_factors_v1(%s, %s)"
TOUCHED = "select cloison.space_touched_v1(%s, %s, %s, %s, %s, %s, %s)"
BEGIN = "select cloison.space_begin_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
LABEL = "Mon espace"  # the same for everybody: a phone shows it to whoever looks over a shoulder
SHOWN = "login"  # as a passkey's name, for the same reason


class Place(msgspec.Struct, frozen=True):
    """A login: its segment and its number."""

    segment: str
    login: UUID


class NewPhone(msgspec.Struct, frozen=True):
    """A phone's secret that was given out, for one login."""

    login: UUID
    secret: str


class Compared(msgspec.Struct, frozen=True):
    """What a sign-in rests on: its way; by password the hash as it was compared, the code's step, the hash of today."""

    way: str
    kept: str | None = None
    step: int | None = None
    fresh: str | None = None


BY_PASSKEY = Compared("passkey")
BY_PROVIDER = Compared("provider")


class SpaceDoor(msgspec.Struct, frozen=True):
    """The login's connections, the door's keys, and what passkeys must be."""

    pool: AsyncConnectionPool[psycopg.AsyncConnection]
    keys: Keys
    ceremonies: Ceremonies
    rules: Rules
    comparing: Comparing

    async def ask(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """The rows of one statement; raises DatabaseUnavailableError, DatabaseRefusedError."""
        try:
            async with self.pool.connection() as connection:
                return await (await connection.execute(statement, values)).fetchall()
        except psycopg.Error as error:
            raise error_of(error) from None

    def challenge(self) -> Ceremony:
        """What a passkey is asked to sign in; whose it is, it says itself."""
        challenge = secrets.token_bytes(factors.CHALLENGE_BYTES)
        options = factors.signin_options(self.rules, challenge)
        return Ceremony(self.ceremonies.challenge(Purpose.SIGN_IN, challenge), options)

    def enrolment(self, place: Place, known: Sequence[bytes] = ()) -> Enrolment:
        """What a new passkey of a login is asked, and a new phone's secret."""
        challenge, secret = secrets.token_bytes(factors.CHALLENGE_BYTES), totp.new_secret()
        user = factors.encode_user(place.segment, place.login)
        options = factors.registration_options(self.rules, challenge, user, SHOWN, known)
        passkey = Ceremony(self.ceremonies.challenge(Purpose.ENROL, challenge, place.login), options)
        phone = self.ceremonies.seal(Purpose.DRAFT, NewPhone(place.login, secret))
        return Enrolment(passkey, Phone(phone, secret, totp.address(secret, LABEL)))

    def registered(self, place: Place, made: NewPasskey) -> tuple[object, ...]:
        """The values that describe a passkey which answered a challenge given out for this login.

        Raises CeremonyError, FactorRefusedError.
        """
        kept = self.ceremonies.open(Purpose.ENROL, made.ceremony, Challenge)
        if kept.account != place.login:
            raise CeremonyError
        new = factors.verify_registration(self.rules, kept.challenge, made.credential)
        spent = (spent_as(made.ceremony), SECONDS[Purpose.ENROL])
        return (*spent, new.credential, new.public_key, new.sign_count, new.aaguid, new.backup_eligible)

    def phone(self, place: Place, text: str) -> str:
        """The secret that was given out for this login; raises CeremonyError."""
        kept = self.ceremonies.open(Purpose.DRAFT, text, NewPhone)
        if kept.login != place.login:
            raise CeremonyError
        return kept.secret

    async def touched(self, ceremony: str, credential: Json) -> Place:
        """Whose passkey answered a challenge of ours, which is used up; raises CeremonyError, FactorRefusedError."""
        kept = self.ceremonies.open(Purpose.SIGN_IN, ceremony, Challenge)
        presented = factors.presented_by(credential)
        place = Place(*factors.decode_user(presented.user or b""))
        rows = await self.ask(FACTORS, (place.segment, place.login))
        row = next((row for row in rows if row[1] == presented.credential), None)
        if row is None:
            raise factors.refused(FactorRefusal.CREDENTIAL)
        factor, credential_id, public_key, aaguid, eligible = row
        known = KnownFactor(
            credential=credential_id,
            public_key=public_key,
            sign_count=0,  # the database compares, as in the sign-in door
            aaguid=aaguid,
            backup_eligible=eligible,
            user=factors.encode_user(place.segment, place.login),
        )
        touch = factors.verify_assertion(self.rules, kept.challenge, credential, known)
        spent = (spent_as(ceremony), SECONDS[Purpose.SIGN_IN])
        used = (touch.sign_count, kept.given_at)
        ((word,),) = await self.ask(TOUCHED, (place.segment, place.login, factor, *used, *spent))
        refused(word)
        return place

    async def begin(self, place: Place, thumbprint: bytes, by: Compared, known: str = "") -> SpaceToken:
        """Begin a session for the device of this key; raises SpaceRefusedError where the code was used before."""
        new = new_session(place.segment, thumbprint)
        values = (place.segment, place.login, new.session, new.token_hash, new.secret_hash, thumbprint)
        ((expires_at,),) = await self.ask(BEGIN, (*values, by.kept, by.step, by.fresh, by.way))
        if expires_at is None:
            raise SpaceRefusedError
        return SpaceToken(new.token, new.session, expires_at, known)


def door_with(
    connections: AsyncConnectionPool[psycopg.AsyncConnection], secret: str, rules: Rules, comparing: Comparing
) -> SpaceDoor:
    """The door, with the keys that come from its secret."""
    return SpaceDoor(connections, keys_of(secret), Ceremonies(secret), rules, comparing)


def refused(word: str) -> None:
    """Raise what a function of the space's answers instead of `open`."""
    if word == "no_session":
        raise NoSessionError
    if word == "step_up":
        raise StepUpError
    if word == "spent":
        raise CeremonyError
    if word == "last":
        raise LastWayError
    if word == "none":
        raise factors.refused(FactorRefusal.CREDENTIAL)
    if word == "cloned":
        raise factors.refused(FactorRefusal.CLONED)


def door_of(request: Request[Any, Any, Any]) -> SpaceDoor:
    """The door that serves this request."""
    door: SpaceDoor = request.app.state.door
    return door
