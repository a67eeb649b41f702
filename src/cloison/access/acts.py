"""Acts: what takes more than one person. What they are, the bytes that are signed, and who may sign. No I/O.

The rules, in order:
  1. An act is canonical JSON (RFC 8785: sorted names, no spaces, UTF-8) of text, whole numbers, true, false, null,
     lists and objects. SHA-256 of these bytes is the WebAuthn challenge of everybody who signs, the asker too: a
     signature holds for this act, with these details, until this time, and for nothing else.
  2. Each kind has details that it cannot be shown without; an act that lacks one has no canonical bytes, so that nobody
     signs what they were not shown (`acts_shown.py`). It may have more; they are shown by their names.
  3. It takes two people. If it may add more people to the blast radius than the threshold, or nobody knows how many, it
     takes three and a day. An act that only takes rights away never waits a day.
  4. Whoever asks signs first; acts of the operator, who has no account, are signed by two who may approve.
  5. Nobody signs twice, with two accounts neither, so that an account whose holder is not known signs nothing; nor does
     an account that is closed or frozen, that lacks the right, or that stands outside of the organisation; nobody
     approves what concerns themselves, or a bulk reading that they will execute.
  6. Who approves the making, elevation or recovery of an account is of the service itself, never of the partner.

Left out: an authenticator does not show what it signs, so a captured sign-in door can have somebody sign an act in
place of a sign-in. It would need two such people within the act's life, and the log has both signatures.

This module imports nothing else of ours, as `evidence.py` rests on it and is run by strangers.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import rfc8785

FORMAT = "cloison-act-1"  # in the signed bytes, so that they can be mistaken for nothing else
MAX_BYTES = 16_384
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
TWO_PEOPLE, THREE_PEOPLE, DAY_SECONDS = 2, 3, 86_400


class ActKind(StrEnum):
    """What takes more than one person."""

    ACCOUNT_CREATE = "account.create"  # somebody new may come in, with a role
    ACCOUNT_ELEVATE = "account.elevate"  # an account gets a role, an agency or a segment that it had not
    ACCOUNT_RECOVER = "account.recover"  # its passkeys are frozen, and new ones may be registered
    ACCOUNT_UNFREEZE = "account.unfreeze"  # what the watch or a person froze opens again
    AGREEMENT_MAKE = "agreement.make"  # an organisation's segments, roles, number of accounts, caps and end
    AGREEMENT_END = "agreement.end"  # its accounts stop within a second; only takes rights away
    GRANT_BREAK_GLASS = "grant.break_glass"  # its asker opens one person it has no relation with, for hours
    GRANT_CAMPAIGN = "grant.campaign"  # a manager's team calls its whole caseloads, for days
    GRANT_REINSTATE = "grant.reinstate"  # an account may ask for break-glass again, after an emergency nobody approved
    GRANT_BULK = "grant.bulk"  # an export with a finite budget of people, compartments and hours
    GRANT_DISCLOSURE = "grant.disclosure"  # a third party with the right to ask gets one person's record
    STAFF_IMPORT = "staff.import"  # a file of accounts, named by its SHA-256
    FEED_OPEN = "feed.open"  # a source may write interactions, which explain consultations
    CLIENT_REGISTER = "client.register"  # a system of an organisation may call, known by its key
    PROTECTION_LIFT = "protection.lift"  # a protected person is in reach of ordinary relations again
    ACCOUNT_FORGET_HOLDER = "account.forget_holder"  # the account may open its holder's own record from then on
    LIMIT_SET = "limit.set"  # how many relations may be written
    INVESTIGATION_ACCOUNT = "investigation.account"  # people see what an account did only when it is over
    INVESTIGATION_PURPOSE = "investigation.purpose"  # the same of an organisation for one purpose
    ORGANISATION_CREATE = "organisation.create"  # a body that an agreement may then be made with


# Rule 2. `account` and `executor` are accounts' numbers: rule 5 compares them.
REQUIRED: Mapping[ActKind, tuple[str, ...]] = {
    ActKind.ACCOUNT_CREATE: ("handle", "role", "agency", "segment"),
    ActKind.ACCOUNT_ELEVATE: ("account", "handle", "role"),
    ActKind.ACCOUNT_RECOVER: ("account", "handle"),
    ActKind.ACCOUNT_UNFREEZE: ("account", "handle", "reason"),
    ActKind.AGREEMENT_MAKE: ("segments", "roles", "accounts", "until"),
    ActKind.AGREEMENT_END: ("reason",),
    ActKind.GRANT_BREAK_GLASS: ("hours", "reason"),  # and what 83_grants.sql wants to see
    ActKind.GRANT_REINSTATE: ("account", "handle", "reason"),
    ActKind.GRANT_CAMPAIGN: ("agency", "segment", "days", "people", "reason"),
    ActKind.GRANT_BULK: (
        *("executor", "handle", "purpose", "people", "segments"),
        *("compartments", "hours", "recipient", "reason"),
    ),
    ActKind.GRANT_DISCLOSURE: (
        *("executor", "handle", "authority", "legal_basis", "reference"),
        *("person", "compartments", "hours", "recipient"),
    ),
    ActKind.STAFF_IMPORT: ("sha256", "accounts"),
    ActKind.FEED_OPEN: ("name", "source", "thumbprint"),
    ActKind.CLIENT_REGISTER: ("name", "uses", "thumbprint"),
    ActKind.PROTECTION_LIFT: ("protection",),
    ActKind.ACCOUNT_FORGET_HOLDER: ("account", "handle", "reason"),
    ActKind.LIMIT_SET: ("limit", "value"),
    ActKind.INVESTIGATION_ACCOUNT: ("account", "handle", "until", "reason"),
    ActKind.INVESTIGATION_PURPOSE: ("purpose", "until", "reason"),
    ActKind.ORGANISATION_CREATE: ("name",),
}
ONLY_TAKES_AWAY = frozenset({ActKind.AGREEMENT_END})  # rule 3
ACCOUNTS = frozenset({ActKind.ACCOUNT_CREATE, ActKind.ACCOUNT_ELEVATE, ActKind.ACCOUNT_RECOVER})  # rule 6


class Who(msgspec.Struct, frozen=True):
    """An account, by its home segment and number."""

    segment: str
    account: UUID


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One act; `asked_by` is None for the operator's, `organisation` is the one that it concerns."""

    act: UUID
    kind: ActKind
    asked_by: Who | None
    organisation: UUID
    details: Mapping[str, Any]
    asked_at: datetime
    expires_at: datetime


class Needed(NamedTuple):
    """How many people sign an act, and how long it waits after the last of them."""

    people: int
    delay_seconds: int


class State(StrEnum):
    """What an account is."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to sign, or did; `organisations` None: all of them; `holder` is whatever tells people apart."""

    who: Who
    holder: str | None
    state: State = State.OPEN
    of_service: bool = True  # the account is the service's own, not a partner's
    asks: Collection[ActKind] = ()
    approves: Collection[ActKind] = ()
    organisations: Collection[UUID] | None = None


class Refusal(StrEnum):
    """Why somebody may not sign an act, in the order that it is looked at."""

    EXPIRED = "expired"  # the act was not signed in time; it is asked for anew
    NOT_OPEN = "not_open"  # the account is frozen or closed
    HOLDER_UNKNOWN = "holder_unknown"  # nobody wrote down whose account it is
    ASKER_FIRST = "asker_first"  # whoever asks has not signed yet
    SAME_ACCOUNT = "same_account"  # it has signed already, or it asked
    SAME_HOLDER = "same_holder"  # another account of the same person has
    CONCERNED = "concerned"  # it would approve what is about itself, or about its holder
    EXECUTOR = "executor"  # it would read what it approves
    RIGHT = "right"  # its role does not ask for, or approve, this kind of act
    ORGANISATION = "organisation"  # the act concerns an organisation that is not in its scope
    PARTNER = "partner"  # an act that somebody of the service itself approves


def canonical(act: Act) -> bytes:
    """Rules 1 and 2: the bytes that are signed; raises ValueError where the act has none."""
    missing = [name for name in REQUIRED[act.kind] if name not in act.details]
    if missing:
        raise ValueError(f"{act.kind} needs the details {missing}")
    asker = act.asked_by
    written = {
        "format": FORMAT,
        "act": str(act.act),
        "kind": act.kind.value,
        "asked_by": None if asker is None else {"segment": asker.segment, "account": str(asker.account)},
        "organisation": str(act.organisation),
        "details": _plain(act.details),
        "asked_at": _time(act.asked_at),
        "expires_at": _time(act.expires_at),
    }
    made = rfc8785.dumps(written)
    if len(made) > MAX_BYTES:
        raise ValueError(f"an act has at most {MAX_BYTES} bytes")
    return made


def read_act(written: bytes) -> Act:
    """The act that has these canonical bytes; raises ValueError for any others, were it by a space."""
    try:
        read = msgspec.json.decode(written, type=dict[str, Any])
        form = read.pop("format", None)
        act = msgspec.convert(read, Act, strict=True)
        same = canonical(act) == written
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError("no act") from error
    if form != FORMAT or not same:
        raise ValueError("no act in its canonical form")
    return act


def challenge(act: Act) -> bytes:
    """Rule 1: what everybody signs who signs this act."""
    return hashlib.sha256(canonical(act)).digest()


def signatures_needed(kind: ActKind, added_people: int | None, threshold: int) -> Needed:
    """Rule 3. `added_people`: by how many the act may raise what a day can take; None: not known."""
    if kind not in ONLY_TAKES_AWAY and (added_people is None or added_people > threshold):
        return Needed(THREE_PEOPLE, DAY_SECONDS)
    return Needed(TWO_PEOPLE, 0)


def may_sign(
    act: Act, signer: Signer, earlier: Sequence[Signer], now: datetime, *, concerned: Collection[str] = ()
) -> Refusal | None:
    """Rules 4 to 6; None: they may. `earlier` have signed, `concerned` are the holders whom the act is about."""
    asks = signer.who == act.asked_by
    rules: Sequence[tuple[Refusal, bool]] = (
        (Refusal.EXPIRED, not act.asked_at <= now < act.expires_at),
        (Refusal.NOT_OPEN, signer.state is not State.OPEN),
        (Refusal.HOLDER_UNKNOWN, not signer.holder),
        (Refusal.ASKER_FIRST, not asks and act.asked_by not in {None, *(each.who for each in earlier)}),
        (Refusal.SAME_ACCOUNT, signer.who in {each.who for each in earlier}),
        (Refusal.SAME_HOLDER, signer.holder in {each.holder for each in earlier}),
        (Refusal.CONCERNED, not asks and _concerned(act, signer, concerned)),
        (Refusal.EXECUTOR, act.details.get("executor") == str(signer.who.account)),
        (Refusal.RIGHT, act.kind not in (signer.asks if asks else signer.approves)),
        (Refusal.ORGANISATION, signer.organisations is not None and act.organisation not in signer.organisations),
        (Refusal.PARTNER, not asks and act.kind in ACCOUNTS and not signer.of_service),
    )
    return next((refusal for refusal, holds in rules if holds), None)


def _concerned(act: Act, signer: Signer, concerned: Collection[str]) -> bool:
    return act.details.get("account") == str(signer.who.account) or signer.holder in concerned


def _plain(value: object, depth: int = 8) -> Any:  # noqa: ANN401 - JSON values
    """`value` if the subset of rule 1 has it; raises ValueError for what two readers could read differently."""
    if depth == 0:
        raise ValueError("the details are nested too deeply")
    if value is None or type(value) in {bool, int, str}:
        return value
    if isinstance(value, Mapping) and all(type(name) is str for name in value):
        return {name: _plain(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, depth - 1) for each in value]
    raise ValueError(f"the details of an act hold no {type(value).__name__}")


def _time(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without its zone is no time")
    return moment.astimezone(UTC).strftime(TIME)
