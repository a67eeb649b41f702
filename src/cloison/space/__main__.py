"""`python -m cloison.space`: serves the door of people's own space of `CLOISON_HOME`, in one process."""

import sys

from cloison.config import SpaceConfig, WebConfig
from cloison.space.application import space_app
from cloison.web.__main__ import run


def main() -> int:
    """Run the door; 1 where it cannot be set up, with the reason on standard error."""
    return run("space", lambda home: (_listening(home.config.space), space_app(home)))


def _listening(door: SpaceConfig) -> WebConfig:
    return WebConfig(door.host, door.port, address_header=door.address_header)


if __name__ == "__main__":
    sys.exit(main())
