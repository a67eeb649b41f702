"""A captured sign-in door tells the database something else than was signed."""

import psycopg
import pytest
from support.database import Database
from support.signing import PARTNER, act_of, ask, asked, body, member, newcomer, sign

pytest_plugins = ["support.signing_fixtures"]


def test_what_is_done_is_what_was_signed(shared: Database, login: psycopg.Connection) -> None:
    """A door cannot have another act done than its bytes say: other details, another kind, another organisation."""
    anna, elsewhere = member(shared), body(shared, PARTNER)
    act = act_of(anna, "account.create", **newcomer())
    for lie in (
        {"details": {**act.details, "role": "officer"}},
        {"kind": "account.recover"},
        {"organisation": elsewhere},
    ):
        with pytest.raises(psycopg.DatabaseError) as refused:
            ask(login, anna, act, **lie)
        assert refused.value.sqlstate == "CL022"


def test_a_draft_of_somebody_else(shared: Database, login: psycopg.Connection) -> None:
    """Who asks is whom the act names: or its first author would sign as the second person."""
    anna, ben = member(shared), member(shared)
    with pytest.raises(psycopg.DatabaseError) as refused:
        ask(login, ben, act_of(anna, "account.create", **newcomer()))
    assert refused.value.sqlstate == "CL022"


def test_a_signature_by_another_key(shared: Database, login: psycopg.Connection) -> None:
    """What stays as evidence has the key that the account's passkey was registered with, and no frozen one's."""
    anna, ben = member(shared), member(shared)
    forger = ben._replace(public_key=b"another")
    assert ask(login, forger, act_of(forger, "account.create", **newcomer())) == "scope"
    act = asked(login, anna, "account.create", **newcomer())
    assert sign(login, forger, act) == "scope"
    assert sign(login, ben._replace(factor=anna.factor, public_key=anna.public_key), act) == "scope"
    shared.owner.execute("update cloison.factor set frozen_at = now() where factor = %s", (ben.factor,))
    assert sign(login, ben, act) == "scope"
