"""People's logins in a test's database: as intake and the space door make them, with the real logins' rights."""

import hashlib
import secrets
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg

from support.database import FOLLOW_UP, IDENTITY, SEGMENT, Database, Session, charge

INVITE = "select cloison.space_invite_v1(%s, %s, %s, %s, %s, %s)"
REDEEM = "select cloison.space_redeem_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
BEGIN = "select cloison.space_begin_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
NO_PASSKEY = (None,) * 7
KEPT = "$argon2id$of-no-consequence-here"
TOTP = b"t" * 60
PURPOSE = FOLLOW_UP


class Login(NamedTuple):
    """A person's login: where, which, whose, under which name."""

    segment: str
    login: UUID
    person: UUID
    name: bytes


class Live(NamedTuple):
    """A session of a login: what a door shows for it, and what a thief of the token alone would."""

    session: UUID
    token: bytes
    secret: bytes


class Spaces:
    """The two logins that make people's logins, and an adviser who may invite."""

    def __init__(self, database: Database) -> None:
        """Open a connection of each."""
        self.database = database
        self.door = database.connect("space")
        self.intake = database.connect("intake")

    def close(self) -> None:
        """Close both."""
        self.door.close()
        self.intake.close()

    def ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """As the space door."""
        return self.door.execute(statement, values).fetchall()

    def adviser(self, people: int = 1) -> tuple[Session, list[UUID]]:
        """An adviser's session that has just opened these people."""
        session, found = self.database.adviser(people)
        with self.database.connect("desk") as desk:
            charge(desk, session, found, IDENTITY)
        return session, found

    def invite(self, by: Session, person: UUID, home: str = SEGMENT) -> bytes | None:
        """A new code's hash, where the invitation was made; that of both halves is the same here."""
        code = secrets.token_bytes(32)
        values = (by.segment, by.token, home, person, code, code)
        row = self.intake.execute(INVITE, values).fetchone()
        return None if row is None or row[0] is None else code

    def redeem(self, code: bytes, name: bytes, *, passkey: bytes | None = None, password: str | None = KEPT) -> str:
        """What redeeming answers."""
        totp, step = (None, None) if password is None else (TOTP, 100)
        key: tuple[object, ...] = NO_PASSKEY
        if passkey is not None:
            key = (secrets.token_bytes(32), 600, passkey, b"key", 1, uuid4(), True)
        ((word,),) = self.ask(REDEEM, SEGMENT, code, code, name, password, totp, step, *key)
        return str(word)

    def login(self, *, passkey: bytes | None = None, password: str | None = KEPT) -> Login:
        """A login of a new person."""
        session, (person,) = self.adviser()
        code, name = self.invite(session, person), secrets.token_bytes(32)
        assert code is not None
        assert self.redeem(code, name, passkey=passkey, password=password) == "open"
        login = self.database.one("select login from cloison.space_login where person = %s", person)
        assert isinstance(login, UUID)
        return Login(SEGMENT, login, person, name)

    def attempt(self, name: bytes, device: bytes | None = None, door: psycopg.Connection | None = None) -> bool:
        """Whether a try by password is given anything to compare with."""
        return (door or self.door).execute("select from cloison.space_try_v1(%s, %s)", (name, device)).rowcount == 1

    def begin(self, login: Login, step: int | None = None, device: bytes = b"d" * 32, kept: str = KEPT) -> Live | None:
        """A session by password with the code of `step`, or by passkey."""
        secret, session = secrets.token_bytes(32), uuid4()
        token = hashlib.sha256(secret + device).digest()
        hashes = (hashlib.sha256(token).digest(), hashlib.sha256(secret).digest())
        compared, way = (None, "passkey") if step is None else (kept, "password")
        ((until,),) = self.ask(BEGIN, login.segment, login.login, session, *hashes, device, compared, step, None, way)
        return None if until is None else Live(session, token, secret)

    def member(self, login: Login, live: Live) -> bool:
        """Whether the session goes on."""
        return len(self.ask("select login from cloison.space_member_v1(%s, %s)", login.segment, live.token)) == 1

    def events(self, person: UUID) -> list[str]:
        """What the audit log tells of the person's space, in order."""
        rows = self.database.owner.execute(
            "select event::text from cloison.entry "
            "where person = %s and event::text like 'space%%' order by at, number",
            (person,),
        ).fetchall()
        return [str(row[0]) for row in rows]
