"""Systems in tests: registered as the act of two officers does it, with tokens as the sign-in door gives them.

Real assertions and exchanges, over HTTP: tests/functional/test_clients.py.
"""

from collections.abc import Sequence
from uuid import UUID, uuid4

import psycopg

from cloison.access import clients
from cloison.access.clients import BEARER_PLACE
from cloison.access.sessions import new_session
from cloison.client import Credentials, DeviceKey
from cloison.client.service import ServiceKey

REGISTER = (
    "insert into cloison.client (client, name, organisation, public_key, uses, registered_at) "
    "select %s, %s, g.organisation, %s, %s::cloison.client_use[], cloison.clock_v1() from cloison.agreement g "
    "where g.standing and (g.organisation = %s or %s::uuid is null) order by g.valid_from limit 1"
)
TOKEN = "insert into cloison.client_token values (%s, %s, %s, cloison.clock_v1() + interval '10 minutes')"
FEED = "select cloison.create_feed_v1(%s, 'appointments', %s, %s)"


def register(
    owner: psycopg.Connection, name: str, uses: Sequence[str], key: ServiceKey, organisation: UUID | None = None
) -> UUID:
    """The number of a new client; by default of the first organisation that was agreed with."""
    client = uuid4()
    jwk = clients.public_key(key.public_pem).jwk
    owner.execute(REGISTER, (client, name, jwk, list(uses), organisation, organisation))
    return client


def token(owner: psycopg.Connection, client: UUID, use: str) -> Credentials:
    """What a client is given for this use."""
    key = DeviceKey()
    new = new_session(BEARER_PLACE, key.thumbprint)
    owner.execute(TOKEN, (new.token_hash, client, use))
    return Credentials(new.token, key)


def feed(owner: psycopg.Connection, name: str, segments: Sequence[str] | None = None) -> Credentials:
    """What a new source tells with, for ten minutes."""
    client = register(owner, name, ["feed"], ServiceKey())
    owner.execute(FEED, (name, None if segments is None else list(segments), client))
    return token(owner, client, "feed")


def feed_again(owner: psycopg.Connection, name: str) -> Credentials:
    """What a source that is known tells with for the next ten minutes."""
    row = owner.execute("select client from cloison.feed where name = %s", (name,)).fetchone()
    assert row is not None
    return token(owner, row[0], "feed")
