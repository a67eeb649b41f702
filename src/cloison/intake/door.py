"""What the door's routes work with; made when the application starts, kept in its state."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request

from cloison.intake.writing import Turns
from cloison.register.resealing import Register


class Door(msgspec.Struct, frozen=True):
    """The register as caller and login `intake`, the purposes by name, and whose turn it is."""

    register: Register
    purposes: Mapping[str, int]
    turns: Turns


def door_of(request: Request[Any, Any, Any]) -> Door:
    """The door that serves this request."""
    door: Door = request.app.state.door
    return door
