"""`python -m cloison.signin`: serves the sign-in door of `CLOISON_HOME`, in one process."""

import sys

from cloison.config import SigninConfig, WebConfig
from cloison.signin.application import signin_app
from cloison.web.__main__ import run


def main() -> int:
    """Run the door; 1 where it cannot be set up, with the reason on standard error."""
    return run("signin", lambda home: (_listening(home.config.signin), signin_app(home)))


def _listening(door: SigninConfig) -> WebConfig:
    return WebConfig(door.host, door.port, address_header=door.address_header)


if __name__ == "__main__":
    sys.exit(main())
