"""One house for all tests of the pages."""

from collections.abc import Iterator

import pytest
from support.visitor import House, housed


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A served home with officers and people."""
    with housed(tmp_path_factory.mktemp("house")) as found:
        yield found
