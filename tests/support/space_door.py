"""The door of people's own space, of the tests' register, and people who were invited to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psutil
import pyotp

from cloison.access import totp
from cloison.access.passwords import hash_of
from cloison.access.spaces import both_hash, keys_of, name_hash, new_code, new_spoken, read_code
from cloison.client.space import SpaceClient
from cloison.client.space_wire import Phone, SpaceToken
from cloison.config import Home, read_secret
from support.database import SEGMENT, Database
from support.spaces import INVITE, NO_PASSKEY, REDEEM, Spaces

PASSWORD = "quatre girafes repeignent un vélodrome"
HEADER = "x-real-ip"


class Phones:
    """A person's phone, whose codes are used in order: each sign-in has one of the next half minute."""

    def __init__(self, phone: Phone) -> None:
        """With the secret that the door gave."""
        self.phone = phone
        self._made = pyotp.TOTP(phone.secret)
        self._step = int(time.time()) // 30 - 2

    def digits(self) -> str:
        """The earliest code that was not shown yet and is taken; waits for one where all of three were."""
        self._step = max(self._step + 1, int(time.time()) // 30 - 1)
        while int(time.time()) // 30 + 1 < self._step:
            time.sleep(0.2)
        return str(self._made.generate_otp(self._step))


class Space:
    """The door's address and its database."""

    def __init__(self, home: Home) -> None:
        """Stand for the served door of `home`."""
        self.home = home
        self.url = home.config.space.public_origin
        self.database = Database(home, home.config.database.name)
        self.spaces = Spaces(self.database)

    def process(self) -> psutil.Process:
        """The door's process."""
        for child in psutil.Process().children(recursive=True):
            if "cloison.space" in child.cmdline() and child.environ().get("CLOISON_HOME") == str(self.home.path):
                return child
        raise AssertionError("no such process")

    def client(self, network: str = "192.0.2.7", **options: Any) -> SpaceClient:  # noqa: ANN401 - the client's own
        """A new device in this network."""
        return SpaceClient(self.url, headers={HEADER: network}, **options)

    def code(self, person: UUID | None = None) -> tuple[tuple[str, str], UUID]:
        """Both halves of an invitation of a new person, or of this one again, as intake would give them out; whom."""
        session, (opened,) = self.spaces.adviser()
        if person is not None:
            moved = "update cloison.entry set person = %s where session = %s and person = %s"
            self.database.owner.execute(moved, (person, session.session, opened))
            self.database.relate(session.account, [person])
        whom, code, spoken = person or opened, new_code(SEGMENT), new_spoken()
        read = read_code(code)
        values = (session.segment, session.token, SEGMENT, whom, read.code_hash, both_hash(read, spoken))
        row = self.spaces.intake.execute(INVITE, values).fetchone()
        assert row is not None
        assert row[0] is not None
        return (code, spoken), whom

    async def person(self, name: str) -> Phones:
        """A new person who signs in by password, under this name."""
        code, _ = self.code()
        async with self.client() as space:
            phones = Phones((await space.invited(code[0])).phone)
            await space.redeem_password(code, name, PASSWORD, phones.phone, phones.digits())
        return phones


async def come_in(client: SpaceClient, name: str, phones: Phones) -> SpaceToken:
    """Sign in by the right password."""
    return await client.sign_in(name, PASSWORD, phones.digits())


@contextmanager
def space_of(home: Home) -> Iterator[Space]:
    """The served home's door; connections of the tests' own are closed with the block."""
    space = Space(home)
    try:
        yield space
    finally:
        space.spaces.close()
        space.database.owner.close()


class Victim:
    """Somebody with a login by password, made without the door; their phone's secret is known."""

    def __init__(self, space: Space, name: str) -> None:
        """`name`: what theirs begins with."""
        self.name = f"{name}.{uuid4().hex}@example.org"
        self.secret = pyotp.random_base32()
        keys = keys_of(read_secret(space.home.space_secret))
        session, (self.person,) = space.spaces.adviser()
        code = space.spaces.invite(session, self.person)
        found = space.database.one("select login from cloison.space_invitation where code_hash = %s", code)
        assert isinstance(found, UUID)
        self.login = found
        self.kept = hash_of(keys.password, found, PASSWORD)
        values = (
            SEGMENT,
            code,
            code,
            name_hash(keys, self.name),
            self.kept,
            totp.seal(keys.totp, found, self.secret),
            1,
        )
        assert space.spaces.ask(REDEEM, *values, *NO_PASSKEY) == [("open",)]

    def digits(self) -> str:
        """The code of now."""
        return pyotp.TOTP(self.secret).now()
