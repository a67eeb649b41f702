"""An entry of the audit log as an event of the Open Cybersecurity Schema Framework, version 1.5; no I/O.

Rules:

1. Every event of ours has its form: a class and an activity of OCSF. One that a newer database has and this program
   does not know goes out as a Base Event rather than not at all.
2. `metadata.uid` is the name of the log and the number of the leaf: the same however often the entry is sent.
3. People and accounts are references, as in the entry, which holds nobody's data.
4. What OCSF has no place for stands in `unmapped` under the names of docs/audit-format.md.

docs/siem.md shows which form each event takes; a test compares them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple
from uuid import UUID

from cloison.audit import entry
from cloison.events import Event
from cloison.model import Outcome, bits

VERSION = "1.5.0"
SUCCESS, FAILURE = 1, 2
OTHER = 99  # an activity, or a kind of thing, that OCSF has no number for
USER, SYSTEM = 1, 3
AUTHORS = ("owner", "intake", "statistics", "systems")  # by their numbers, as docs/audit-format.md has them
NOBODYS = 2**64  # numbers below it are nobody's account
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Fields of an entry that have a place of their own in OCSF.
MAPPED = frozenset({"account", "at", "event", "outcome", "organisation", "session", "request", "person"})


class Class(IntEnum):
    """The classes of OCSF that our events are of."""

    BASE = 0
    ACCOUNT = 3001  # Account Change
    AUTHENTICATION = 3002
    ENTITY = 3004  # Entity Management: what is done with a person's record, or with something else that is kept
    ACCESS = 3005  # User Access Management


class Severity(IntEnum):
    """How much an event asks for somebody's look."""

    INFORMATIONAL = 1
    LOW = 2  # somebody was refused
    MEDIUM = 3
    HIGH = 4


class Form(NamedTuple):
    """What an event of ours is in OCSF. `what`: the kind of entity, or the privilege; `own`: it is the author's own."""

    kind: Class
    activity: int
    what: str = "person"
    severity: Severity = Severity.INFORMATIONAL
    own: bool = False


class Names(NamedTuple):
    """Whose log it is, and what the profile calls the bits and numbers of an entry."""

    log: str
    product: str
    compartments: Sequence[str] = ()
    purposes: Sequence[str] = ()


# Activities by their numbers in OCSF.
_CREATE, _READ, _UPDATE, _DELETE, _MOVE, _ACTIVATE, _DEACTIVATE = 1, 2, 3, 4, 5, 10, 11  # of an entity
_MADE, _ENABLED, _DISABLED, _RAISED, _LOCKED, _FACTOR, _NO_FACTOR, _UNLOCKED = (
    1,
    2,
    5,
    7,
    9,
    10,
    11,
    12,
)  # of an account
_LOGON, _LOGOFF = 1, 2
_ASSIGN, _REVOKE = 1, 2
_BASE = Form(Class.BASE, OTHER)

FORMS: Mapping[Event, Form] = {
    Event.OPEN: Form(Class.ENTITY, _READ),
    Event.SEARCH: Form(Class.ENTITY, _READ),
    Event.LIST: Form(Class.ENTITY, _READ),
    Event.REFUSALS_EXCEEDED: Form(Class.ENTITY, _READ, severity=Severity.MEDIUM),
    Event.SESSION_ISSUED: Form(Class.AUTHENTICATION, _LOGON),
    Event.SESSION_ENDED: Form(Class.AUTHENTICATION, _LOGOFF),
    Event.ACCOUNT_CREATED: Form(Class.ACCOUNT, _MADE),
    Event.ACCOUNT_FROZEN: Form(Class.ACCOUNT, _LOCKED, severity=Severity.MEDIUM),
    Event.ACCOUNT_UNFROZEN: Form(Class.ACCOUNT, _UNLOCKED, severity=Severity.MEDIUM),
    Event.HOLDER_SET: Form(Class.ACCOUNT, OTHER),
    Event.PEOPLE_IMPORTED: Form(Class.ENTITY, _CREATE, "people"),
    Event.RELATIONS_IMPORTED: Form(Class.ENTITY, _CREATE, "relations"),
    Event.STATISTICS_READ: Form(Class.ENTITY, _READ, "statistics"),
    Event.PERSON_READ: Form(Class.ENTITY, _READ),
    Event.PERSON_CREATED: Form(Class.ENTITY, _CREATE),
    Event.PERSON_CHANGED: Form(Class.ENTITY, _UPDATE),
    Event.PERSON_MOVED: Form(Class.ENTITY, _MOVE),
    Event.REGISTRATION_ENDED: Form(Class.ENTITY, _DEACTIVATE),
    Event.REGISTRATION_RESUMED: Form(Class.ENTITY, _ACTIVATE),
    Event.PERSON_DECEASED: Form(Class.ENTITY, _UPDATE),
    Event.MERGE_ASKED: Form(Class.ENTITY, OTHER),
    Event.PEOPLE_MERGED: Form(Class.ENTITY, _UPDATE),
    Event.SPLIT_ASKED: Form(Class.ENTITY, OTHER),
    Event.PEOPLE_SPLIT: Form(Class.ENTITY, _UPDATE),
    Event.REPRESENTATIVE_SET: Form(Class.ENTITY, _UPDATE),
    Event.REPRESENTATIVE_ENDED: Form(Class.ENTITY, _UPDATE),
    Event.PROTECTION_SET: Form(Class.ENTITY, _UPDATE, severity=Severity.MEDIUM),
    Event.PROTECTION_LIFT_ASKED: Form(Class.ENTITY, OTHER, severity=Severity.MEDIUM),
    Event.PROTECTION_LIFTED: Form(Class.ENTITY, _UPDATE, severity=Severity.MEDIUM),
    Event.COVER_ASKED: Form(Class.ACCESS, OTHER, "cover"),
    Event.COVER_GIVEN: Form(Class.ACCESS, _ASSIGN, "cover"),
    Event.HANDOVER_ASKED: Form(Class.ACCESS, OTHER, "caseload"),
    Event.HANDOVER_DONE: Form(Class.ACCESS, _ASSIGN, "caseload"),
    Event.CODE_SENT: Form(Class.ENTITY, OTHER),
    Event.CODE_CONFIRMED: Form(Class.ENTITY, OTHER),
    Event.FEED_CREATED: Form(Class.ENTITY, _CREATE, "feed"),
    Event.FEED_CLOSED: Form(Class.ENTITY, _DELETE, "feed"),
    Event.AGREEMENT_MADE: Form(Class.ENTITY, _CREATE, "agreement"),
    Event.AGREEMENT_ENDED: Form(Class.ENTITY, _DELETE, "agreement"),
    Event.ALLOWANCE_LENT: Form(Class.ENTITY, OTHER),
    Event.FACTOR_ADDED: Form(Class.ACCOUNT, _FACTOR),
    Event.FACTOR_FROZEN: Form(Class.ACCOUNT, _NO_FACTOR, severity=Severity.MEDIUM),
    Event.IDENTITY_LINKED: Form(Class.ACCOUNT, OTHER),
    Event.SESSION_TOUCHED: Form(Class.AUTHENTICATION, OTHER),
    Event.TOKEN_COPIED: Form(Class.AUTHENTICATION, OTHER, severity=Severity.HIGH),
    Event.ACT_ASKED: Form(Class.ENTITY, OTHER, "act"),
    Event.ACT_SIGNED: Form(Class.ENTITY, OTHER, "act"),
    Event.ACT_REFUSED: Form(Class.ENTITY, OTHER, "act"),
    Event.ACT_DONE: Form(Class.ENTITY, OTHER, "act"),
    Event.GRANT_GIVEN: Form(Class.ACCESS, _ASSIGN, "grant", Severity.MEDIUM, own=True),
    Event.GRANT_ENDED: Form(Class.ACCESS, _REVOKE, "grant", own=True),
    Event.EXPORTED: Form(Class.ENTITY, _READ),
    Event.INVITATION_HANDED_OVER: Form(Class.ACCOUNT, OTHER),
    Event.INVITATION_REDEEMED: Form(Class.ACCOUNT, _ENABLED),
    Event.CLIENT_REGISTERED: Form(Class.ACCOUNT, _MADE),
    Event.CLIENT_CLOSED: Form(Class.ACCOUNT, _DISABLED),
    Event.CLIENT_SIGNED_IN: Form(Class.AUTHENTICATION, _LOGON),
    Event.SESSION_HANDED_ON: Form(Class.AUTHENTICATION, OTHER, own=True),
    Event.ACCOUNT_RECOVERED: Form(Class.ACCOUNT, _NO_FACTOR, severity=Severity.MEDIUM),
    Event.ACCOUNT_ELEVATED: Form(Class.ACCOUNT, _RAISED, severity=Severity.MEDIUM),
    Event.ACCOUNT_REVIEWED: Form(Class.ACCOUNT, OTHER),
    Event.ACCOUNT_CLOSED: Form(Class.ACCOUNT, _DISABLED),
    Event.SPACE_INVITED: Form(Class.ENTITY, OTHER),
    Event.SPACE_REDEEMED: Form(Class.ACCOUNT, _MADE, own=True),
    Event.SPACE_SIGNED_IN: Form(Class.AUTHENTICATION, _LOGON, own=True),
    Event.SPACE_SIGNED_OUT: Form(Class.AUTHENTICATION, _LOGOFF, own=True),
    Event.SPACE_BLOCKED: Form(Class.ACCOUNT, _LOCKED, severity=Severity.MEDIUM, own=True),
    Event.SPACE_FACTOR_ADDED: Form(Class.ACCOUNT, _FACTOR, own=True),
    Event.SPACE_FACTOR_FROZEN: Form(Class.ACCOUNT, _NO_FACTOR, severity=Severity.MEDIUM, own=True),
    Event.SPACE_ENDED: Form(Class.ACCOUNT, _DISABLED, own=True),
    Event.LOG_ALARMED: Form(Class.ENTITY, OTHER, what="audit log", severity=Severity.HIGH),
    Event.LOG_DROPPED: Form(Class.ENTITY, _DELETE, what="month of the log", severity=Severity.LOW),
    Event.LOG_READ: Form(Class.ENTITY, _READ, "log"),
    Event.INVESTIGATION_DECLARED: Form(Class.ENTITY, _CREATE, "investigation", severity=Severity.MEDIUM),
    Event.INVESTIGATION_ENDED: Form(Class.ENTITY, _DELETE, "investigation", severity=Severity.MEDIUM),
}
_FORMS_BY_NAME = {event.value: form for event, form in FORMS.items()}

Fields = dict[str, Any]  # what JSON is


def read(values: Sequence[bytes | None]) -> dict[str, entry.Value]:
    """The fields that an entry has, by their names; raises ValueError where the bytes are none of their kind."""
    return {
        field.name: entry.read(number, raw)
        for (number, field), raw in zip(enumerate(entry.FIELDS, 1), values, strict=True)
        if raw is not None
    }


def severity_of(fields: Mapping[str, entry.Value]) -> Severity:
    """How severe: as the event is, and at least low where somebody was refused."""
    severity = _form_of(fields).severity
    return severity if fields["outcome"] == Outcome.OPEN else max(severity, Severity.LOW)


def instant_of(fields: Mapping[str, entry.Value]) -> datetime:
    """When it was written."""
    at = fields["at"]
    assert isinstance(at, datetime)  # noqa: S101 - every entry has one
    return at


def event_of(names: Names, leaf: int, fields: Mapping[str, entry.Value]) -> Fields:
    """The entry that stands at a leaf of its segment's log."""
    form, name, outcome = _form_of(fields), str(fields["event"]), str(fields["outcome"])
    at, severity = instant_of(fields), severity_of(fields)
    log = f"{names.log}/{fields['segment']!s}"
    return {
        "class_uid": form.kind.value,
        "category_uid": form.kind // 1000,
        "activity_id": form.activity,
        "activity_name": name,
        "type_uid": form.kind * 100 + form.activity,
        "time": (at - EPOCH) // MILLISECOND,
        "severity_id": severity.value,
        "severity": severity.name.capitalize(),
        "status_id": SUCCESS if outcome == Outcome.OPEN else FAILURE,
        "status_code": outcome,
        "message": f"{name}: {outcome}",
        "metadata": {
            "version": VERSION,
            "product": {"name": "Cloison", "vendor_name": "Cloison", "version": names.product},
            "uid": f"{log}/{leaf}",
            "log_name": log,
            "sequence": leaf,
            "event_code": name,
            "original_time": at.isoformat(timespec="microseconds"),
            **({"correlation_uid": str(fields["request"])} if "request" in fields else {}),
        },
        **_parts(form, fields),
        "unmapped": _unmapped(names, form, fields),
    }


def _form_of(fields: Mapping[str, entry.Value]) -> Form:
    return _FORMS_BY_NAME.get(str(fields["event"]), _BASE)


def _parts(form: Form, fields: Mapping[str, entry.Value]) -> Fields:
    """Who did it, and to whom or what."""
    if form.kind == Class.BASE:
        return {}
    author = _author(fields)
    session = {"session": {"uid": str(fields["session"])}} if "session" in fields else {}
    actor = {"actor": {"user": author, **session}}
    user = author if form.own or "subject" not in fields else {"uid": str(fields["subject"])}
    if form.kind == Class.ENTITY:
        return {**actor, "entity": _entity(form, fields)}
    if form.kind == Class.ACCESS:
        return {**actor, "user": user, "privileges": [form.what], "resources": [_resource(fields)]}
    if form.kind == Class.ACCOUNT:
        return {**actor, "user": user}
    return {**actor, **session, "user": user, "service": {"name": "Cloison"}}


def _author(fields: Mapping[str, entry.Value]) -> Fields:
    account = fields["account"]
    assert isinstance(account, UUID)  # noqa: S101 - every entry has one
    if account.int < NOBODYS:
        named = {"name": AUTHORS[account.int]} if account.int < len(AUTHORS) else {}
        return {"uid": str(account), "type_id": SYSTEM, **named}
    organisation = {"org": {"uid": str(fields["organisation"])}} if "organisation" in fields else {}
    return {"uid": str(account), "type_id": USER, **organisation}


def _entity(form: Form, fields: Mapping[str, entry.Value]) -> Fields:
    if "person" in fields:
        return {"type_id": OTHER, "type": "person", "uid": str(fields["person"])}
    if form.what == "person":  # nobody in it: a search, an empty list, refusals
        return {"type_id": OTHER, "type": "segment", "uid": fields["segment"]}
    uid = {"uid": str(fields["subject"])} if "subject" in fields else {}
    return {"type_id": OTHER, "type": form.what, "name": form.what, **uid}


def _resource(fields: Mapping[str, entry.Value]) -> Fields:
    if "person" in fields:
        return {"type": "person", "uid": str(fields["person"])}
    return {"type": "segment", "uid": fields["segment"]}


def _unmapped(names: Names, form: Form, fields: Mapping[str, entry.Value]) -> Fields:
    mapped = MAPPED if form.kind != Class.BASE else MAPPED - {"account", "organisation", "session", "person"}
    return {name: _plain(names, name, value) for name, value in fields.items() if name not in mapped}


def _plain(names: Names, name: str, value: entry.Value) -> object:
    if name == "compartments" and isinstance(value, int):
        return [_called(names.compartments, bit) for bit in bits(value)]
    if name == "purpose" and isinstance(value, int):
        return _called(names.purposes, value)
    if isinstance(value, UUID | datetime):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def _called(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else str(number)
