"""One house for all tests of the pages."""

from collections.abc import Iterator

import pytest
from support.visitor import House, housed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for the browser runs in its loop, the session's."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A served home with officers and people."""
    with housed(tmp_path_factory.mktemp("house")) as found:
        yield found
