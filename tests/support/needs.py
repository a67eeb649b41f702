"""What a test does that cannot get what it needs: in continuous integration it fails, elsewhere it is skipped."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """End the test, because this machine lacks something."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
