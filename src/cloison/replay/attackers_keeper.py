"""What whoever captured the desk can do with sealed rows: ask the keeper for their keys, and open them.

The form of a sealed compartment is public; it is written down here once more, as an attacker would.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloison.errors import CloisonError
from cloison.keeper.client import Keeper, KeyGrant, TicketUse
from cloison.model import bits
from cloison.replay.loot import Loot

TICKETS_A_CALL = 64
HEADER_BYTES, NONCE_BYTES = 1, 12


class StolenDesk(msgspec.Struct, frozen=True):
    """What the desk holds: its database login, and how it proves to the keeper that it is the desk."""

    conninfo: str
    socket: Path
    secret: str


class StolenSession(msgspec.Struct, frozen=True):
    """A session's token in bytes, and whom its account has a relation with."""

    segment: str
    token: bytes
    people: list[UUID]
    identifiers: list[str]


class SealedRow(msgspec.Struct, frozen=True):
    """A record as the meter released it: `sealed` in the order of the bits of `compartments`."""

    segment: str
    person: UUID
    version: int
    compartments: int
    sealed: list[bytes]
    ticket: str
    mac: bytes


class Grant(msgspec.Struct, frozen=True):
    """Keys that the keeper gave, and the row they were asked for."""

    row: SealedRow
    keys: list[bytes]


def unsealed(key: bytes, sealed: bytes, row: SealedRow, compartment: int) -> bool:
    """Whether the key opens this sealed compartment of a record that nobody has changed yet."""
    bound = f"cloison-sealed-2|{row.segment}|{row.version}|".encode() + row.person.bytes + bytes([compartment])
    nonce, text = sealed[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES], sealed[HEADER_BYTES + NONCE_BYTES :]
    try:
        AESGCM(key).decrypt(nonce, text, bound)
    except (InvalidTag, ValueError):
        return False
    return True


async def connect(desk: StolenDesk) -> Keeper:
    """The keeper, as the desk; raises KeeperUnavailableError."""
    return await Keeper.connect(desk.socket, "desk", desk.secret)


async def open_rows(keeper: Keeper, token: bytes, rows: Sequence[SealedRow], loot: Loot) -> list[Grant]:
    """Ask for the keys of released rows and open them, counting the people; the keys it got."""
    grants: list[Grant] = []
    for start in range(0, len(rows), TICKETS_A_CALL):
        batch = rows[start : start + TICKETS_A_CALL]
        grants += await ask(keeper, [(row, TicketUse(row.ticket, row.mac, token)) for row in batch], loot)
    count(grants, loot)
    return grants


async def ask(keeper: Keeper, uses: Sequence[tuple[SealedRow, TicketUse]], loot: Loot) -> list[Grant]:
    """Show tickets; whatever the keeper refuses, as a whole or one by one, is noted."""
    try:
        answers = await keeper.open([use for _, use in uses])
    except CloisonError as error:
        loot.refused(error.code)
        return []
    grants = []
    for (row, _), answer in zip(uses, answers, strict=True):
        if isinstance(answer, KeyGrant):
            grants.append(Grant(row, answer.keys))
        else:
            loot.refused(answer.code)
    return grants


def count(grants: Iterable[Grant], loot: Loot) -> None:
    """Count the people of whom a key opened anything."""
    for grant in grants:
        row = grant.row
        parts = zip(bits(row.compartments), grant.keys, row.sealed, strict=False)
        if any(unsealed(key, sealed, row, compartment) for compartment, key, sealed in parts):
            loot.got([row.person])
