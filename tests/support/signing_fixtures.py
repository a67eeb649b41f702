"""The sign-in door's own login, for the tests of a module that share a database."""

from collections.abc import Iterator

import psycopg
import pytest

from support.database import Database


@pytest.fixture
def login(shared: Database) -> Iterator[psycopg.Connection]:
    """A connection with what the sign-in door may do."""
    with shared.connect("signin") as connection:
        yield connection
