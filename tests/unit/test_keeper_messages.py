"""The keeper's messages: every operation has its callers, every refusal arrives as itself, limits hold."""

import asyncio
from typing import get_args

import msgspec
import pytest

from cloison import errors
from cloison.errors import CloisonError, KeeperCeilingError, KeeperUnavailableError, TooLargeError
from cloison.keeper import messages as m
from cloison.keeper.messages import Caller, Refusal
from cloison.keeper.service import ALLOWED
from cloison.keeper.wire import caller_proof, frame, keeper_proof, read_frame


def test_every_operation_has_its_callers() -> None:
    """No operation was forgotten in the table of who may ask for what."""
    assert set(ALLOWED) == set(get_args(m.Operation))
    assert all(ALLOWED.values())


def test_only_desk_and_intake_open() -> None:
    """No other caller gets keys of records that exist; and intake may ask for nothing else that the desk may."""
    assert ALLOWED[m.Open] == {Caller.DESK, Caller.INTAKE}
    assert [operation for operation, callers in ALLOWED.items() if callers == {Caller.DESK}] == [m.Terms]


@pytest.mark.parametrize("code", sorted(m.ERRORS))
def test_refusal_arrives_as_itself(code: str) -> None:
    """Each error of `errors.py` comes out at the other end with its class and its message."""
    known = m.ERRORS[code]
    names = [part.split("}")[0] for part in (known.__doc__ or "").split("{")[1:]]
    sent = known(**dict.fromkeys(names, 7))
    arrived = msgspec.msgpack.decode(msgspec.msgpack.encode(Refusal.of(sent)), type=Refusal).error()
    assert type(arrived) is known
    assert str(arrived) == str(sent)


def test_codes_are_distinct() -> None:
    """No two errors share a code, else one would arrive as the other."""
    classes = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, CloisonError)]
    assert len(m.ERRORS) == len({found.code for found in classes}) == len(classes)


@pytest.mark.parametrize("refusal", [Refusal("of the future", {"x": 1}), Refusal("keeper_ceiling", {})])
def test_refusal_that_is_not_known_here(refusal: Refusal) -> None:
    """A newer keeper's refusal, or one without its fields, is still an error."""
    assert type(refusal.error()) is CloisonError


def test_numbers_stay_numbers() -> None:
    """The seconds to wait arrive as a number, for the answer's header."""
    sent = KeeperCeilingError(ceiling="people", retry_after_seconds=12)
    assert Refusal.of(sent).fields == {"ceiling": "people", "retry_after_seconds": 12}
    assert Refusal.of(KeeperUnavailableError(reason=OSError("x"))).fields == {"reason": "x"}


@pytest.mark.parametrize("segment", ["", "5 9", "59|", "59\n", "x" * 17, "é", "../59"])
def test_segments_that_cannot_be(segment: str) -> None:
    """A segment that could blur what is bound to a key is not read."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(m.DestroyCohort(segment, 8104)), type=m.Operation)


@pytest.mark.parametrize(
    "operation",
    [
        m.Open([m.TicketUse("t", bytes(31), bytes(32))]),
        m.Open([m.TicketUse("t" * 513, bytes(32), bytes(32))]),
        m.Terms(bytes(32), m.TermQuery("59", 0, b"")),
        m.Terms(bytes(32), m.TermQuery("59", 9, b"")),
        m.Locate([(16, b"")]),
        m.Locate([(0, bytes(513))]),
        m.ConfirmChange([(0, 1)]),
        m.DestroyCohort("59", -1),
    ],
)
def test_values_out_of_bounds(operation: m.Operation) -> None:
    """What is outside its bounds is no request."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(operation), type=m.Operation)


async def test_frame_of_the_longest_message() -> None:
    """A message of exactly the limit goes through, one byte more is refused at both ends."""
    message = m.Challenge(bytes(32))
    size = len(msgspec.msgpack.encode(message))
    with pytest.raises(TooLargeError):
        frame(message, size - 1)
    reader = asyncio.StreamReader()
    reader.feed_data(frame(message, size) * 2)
    assert msgspec.msgpack.decode(await read_frame(reader, size), type=m.Challenge) == message
    with pytest.raises(TooLargeError):
        await read_frame(reader, size - 1)


async def test_frame_that_ends_early() -> None:
    """A stream that ends inside a message is the end, not a message."""
    reader = asyncio.StreamReader()
    reader.feed_data(frame(m.Challenge(bytes(32)), 1_000)[:-1])
    reader.feed_eof()
    with pytest.raises(EOFError):
        await read_frame(reader, 1_000)


def test_proofs_are_of_one_side_one_caller_one_connection() -> None:
    """No proof can stand for another: not echoed, not for another caller, not with other nonces."""
    one, two = bytes(32), b"\1" * 32
    proofs = [
        caller_proof("secret", Caller.DESK, one, two),
        caller_proof("secret", Caller.INTAKE, one, two),
        caller_proof("secret", Caller.DESK, two, one),
        caller_proof("other", Caller.DESK, one, two),
        keeper_proof("secret", Caller.DESK, one, two),
    ]
    assert len(set(proofs)) == len(proofs)
