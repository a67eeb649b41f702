"""Sessions without any sign-in, by the owner's login: of replays, benchmarks and tests, whose homes are thrown away.

No command does this; where people sign in, `signin/` begins their sessions.
"""

from pathlib import Path

import psycopg

from cloison.access import factors
from cloison.access.accounts import Account
from cloison.access.sessions import ceilings_of, new_session
from cloison.client.device import Credentials, DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.config import Home
from cloison.keeper.client import Keeper
from cloison.signin.application import rules_of

NEW_FACTOR = "select cloison.new_factor_v1(%s, %s, %s, %s, %s, %s, %s)"
SESSION_SECONDS = 8 * 3600  # a working day


async def issue(
    owner: psycopg.Connection,
    keeper: Keeper,
    account: Account,
    *,
    seconds: int = SESSION_SECONDS,
    touched: bool = False,
) -> Credentials:
    """A session of `seconds` for `account`, on a device of its own; `touched`: as if a passkey had just been touched.

    `keeper` is connected as issuer. It learns of the session first: one that only the database knew would be charged
    and open nothing.
    """
    key = DeviceKey()
    new = new_session(account.segment, key.thumbprint)
    now = owner.execute("select extract(epoch from cloison.clock_v1())::float8").fetchone()
    assert now is not None  # noqa: S101 - a select without from answers one row
    people = full_people(owner, account)
    await keeper.register_session(ceilings_of(new, account.account, account.segment, people, now[0] + seconds))
    owner.execute(
        "select cloison.issue_session_v1(%s, %s, %s, %s, %s, %s)",
        (account.segment, account.account, new.session, new.token_hash, seconds, touched),
    )
    return Credentials(new.token, key)


def give_passkey(home: Home, owner: psycopg.Connection, account: Account, path: Path | None = None) -> SoftwarePasskey:
    """A passkey of the account's holder, as if it had been registered at the sign-in door a day ago; kept at `path`."""
    rules = rules_of(home.config.signin)
    passkey, challenge = SoftwarePasskey(path), bytes(factors.CHALLENGE_BYTES)
    user = factors.encode_user(account.segment, account.account)
    options = factors.registration_options(rules, challenge, user, account.handle)
    new = factors.verify_registration(rules, challenge, passkey.register(options, rules.origin))
    values = (new.credential, new.public_key, new.sign_count, new.aaguid, new.backup_eligible)
    owner.execute(NEW_FACTOR, (account.segment, account.account, *values))
    owner.execute(
        "update cloison.factor set quarantined_until = added_at where segment = %s and account = %s",
        (account.segment, account.account),
    )
    return passkey


def full_people(owner: psycopg.Connection, account: Account) -> list[int]:
    """The keeper's ceilings for an account: all its budgets of opening together, in 5 minutes, hour, day, 28 days."""
    row = owner.execute("select cloison.full_people_v1(%s, %s)", (account.segment, account.account)).fetchone()
    assert row is not None  # noqa: S101 - a function that returns a value answers one row
    return list(row[0])
