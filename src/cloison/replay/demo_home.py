"""The home that `cloison demo` makes: what it remembers, its passphrase, its port.

`demo.json` marks it: a home without one is never touched, and one with it can be used again without importing anybody
twice. It is written before anything else, so that an interrupted demo can be taken up.
"""

from datetime import date, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import TypeVar

import msgspec
import tomli_w

from cloison.config import Config, Home, SigninConfig, SpaceConfig, WebConfig, write_secret
from cloison.errors import ConfigError
from cloison.passphrase import beside
from cloison.replay.throwaway import free_port, is_free

SEED = 2024
PASSPHRASE_BYTES = 24

Door = TypeVar("Door", WebConfig, SigninConfig, SpaceConfig)


class DemoState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was made: so many people of this seed as of that day, and how far it came."""

    people: int
    seed: int
    as_of: date
    imported: bool = False
    staffed: bool = False


def claim(home: Home, people: int, *, any_ports: bool = False) -> DemoState:
    """The state of a demo's home, made if there is none; an older one keeps its people.

    `any_ports`: nobody is told its addresses, so that it leaves the usual ports to others, who may take them meanwhile.
    Raises ConfigError if the home holds anything that no demo made.
    """
    if state_file(home).exists():
        state = _read(home)
    elif home.path.exists() and any(home.path.iterdir()):
        raise ConfigError(
            reason=f"{home.path} was not made by `cloison demo`, which leaves it alone; set CLOISON_HOME otherwise"
        )
    else:
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(beside(home), token_urlsafe(PASSPHRASE_BYTES))
        state = DemoState(people, SEED, datetime.now().astimezone().date())
        remember(home, state)
    _find_port(home, any_ports=any_ports)
    return state


def remember(home: Home, state: DemoState) -> None:
    """Write the state, whole or not at all."""
    new = state_file(home).with_suffix(".new")
    new.write_bytes(msgspec.json.encode(state))
    new.replace(state_file(home))


def state_file(home: Home) -> Path:
    """The file that marks a demo's home."""
    return home.path / "demo.json"


def passkey_file(home: Home, handle: str) -> Path:
    """Where the software passkey of a demonstration's account is kept."""
    folder = home.path / "passkeys"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{handle}.passkey"


def _read(home: Home) -> DemoState:
    try:
        return msgspec.json.decode(state_file(home).read_bytes(), type=DemoState)
    except msgspec.DecodeError as error:
        raise ConfigError(reason=f"{state_file(home)}: {error}; remove the home and run the demo again") from error


def _find_port(home: Home, *, any_ports: bool) -> None:
    """Keep the configured ports that are free, unless any will do, else write free ones to the home's settings.

    A demonstration, and nothing else, takes software passkeys.
    """
    config = home.config
    doors = (config.web, config.signin, config.space)
    if home.settings_file.exists() and not any_ports and all(is_free(door.host, door.port) for door in doors):
        return
    web: WebConfig = _with_free_port(config.web, any_ports)
    signin: SigninConfig = msgspec.structs.replace(_with_free_port(config.signin, any_ports), software_passkeys=True)
    space: SpaceConfig = msgspec.structs.replace(_with_free_port(config.space, any_ports), software_passkeys=True)
    changed: Config = msgspec.structs.replace(config, web=web, signin=signin, space=space)
    home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(changed)), encoding="utf-8")
    home.__dict__.pop("config", None)


def _with_free_port(door: Door, any_ports: bool) -> Door:  # noqa: FBT001 - of one caller
    kept = not any_ports and is_free(door.host, door.port)
    return door if kept else msgspec.structs.replace(door, port=free_port())
