"""Each event of ours is a valid event of OCSF: against the framework's own schema, of every version from ours on."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema, get_packaged_versions

from cloison.audit import entry, ocsf, rfc5424
from cloison.audit.ocsf import Class, Names, Severity
from cloison.events import Event
from cloison.model import Outcome

NAMES = Names("log-1.example.org", "0.1.0", ("identity", "contact", "nir"), ("follow_up", "benefits"))
AT = datetime(2026, 11, 23, 9, 30, 0, 125_001, tzinfo=UTC)
ACCOUNT, OWNER, INTAKE, PERSON, SUBJECT, SESSION = uuid4(), UUID(int=0), UUID(int=1), uuid4(), uuid4(), uuid4()
SPARSE: dict[str, entry.Value] = {"segment": "59", "account": OWNER, "number": 7, "at": AT, "compartments": 0}
FULL: dict[str, entry.Value] = {
    **SPARSE,
    "account": ACCOUNT,
    "organisation": uuid4(),
    "session": SESSION,
    "device": bytes(32),
    "request": uuid4(),
    "person": PERSON,
    "compartments": 0b1101,
    "purpose": 1,
    "relation": "caseload",
    "subject": SUBJECT,
    "amount": 3,
    "version": 2,
    "sealed_hash": bytes(32),
    "evidence": bytes(32),
}
NEWER = sorted(version for version in get_packaged_versions() if version >= ocsf.VERSION)
DOCUMENT = Path(__file__).parents[2] / "docs" / "siem.md"


@cache
def schema(version: str) -> OcsfJsonSchemaEmbedded:
    """OCSF's schema, as its authors compiled it."""
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))


@cache
def validator(version: str, class_uid: int) -> Draft202012Validator:
    """What tells whether an event is one of this class; nothing may be in it that the schema does not have."""
    name = schema(version).lookup_class_name_from_uid(class_uid)
    return Draft202012Validator(schema(version).get_class_schema(name))


def event_of(event: str, outcome: str = "open", fields: dict[str, entry.Value] = FULL) -> dict[str, Any]:
    """An event, as it arrives."""
    made = ocsf.event_of(NAMES, 41, {**fields, "event": event, "outcome": outcome})
    return dict(json.loads(rfc5424.json_line(made)))


def faults(version: str, event: dict[str, Any]) -> list[str]:
    """What the schema says is wrong."""
    found = validator(version, event["class_uid"]).iter_errors(event)
    return [f"{error.json_path}: {error.message}" for error in found]


def test_every_event_has_a_form() -> None:
    """No event goes out as something unknown, and no form is of an event that does not exist."""
    assert set(ocsf.FORMS) == set(Event)
    assert all(form.kind != Class.BASE for form in ocsf.FORMS.values())


def test_versions_are_looked_at() -> None:
    """The schema of our version is there, and those of later ones."""
    assert ocsf.VERSION in NEWER
    assert len(NEWER) > 2


@pytest.mark.parametrize("version", NEWER)
def test_every_event_is_valid(version: str) -> None:
    """With every field and with as few as there can be, opened and refused."""
    for event in Event:
        for outcome, fields in (("open", FULL), ("scope", FULL), ("open", SPARSE), ("budget", SPARSE)):
            made = event_of(event, outcome, fields)
            assert faults(version, made) == [], (event, outcome)
            captions = schema(version).schema.schema["classes"]
            name = schema(version).lookup_class_name_from_uid(made["class_uid"])
            assert str(made["activity_id"]) in captions[name]["attributes"]["activity_id"]["enum"]
            assert str(made["type_uid"]) in captions[name]["attributes"]["type_uid"]["enum"]


def test_wrong_event_would_be_found() -> None:
    """The schema finds what is missing, what is not its own, and what is of another type."""
    made = event_of("open")
    for wrong in (
        {name: value for name, value in made.items() if name != "time"},
        {**made, "birth_name": "x"},
        {**made, "severity_id": 17},
        {**made, "entity": {"type": "person"}},
        {**made, "metadata": {**made["metadata"], "product": {}}},
    ):
        assert faults(ocsf.VERSION, wrong) != []


def test_unknown_event_goes_out_all_the_same() -> None:
    """A database that is newer than the program does not stop the export."""
    made = event_of("invented_later")
    assert (made["class_uid"], made["metadata"]["event_code"]) == (0, "invented_later")
    assert made["unmapped"]["account"] == str(ACCOUNT)
    assert [faults(version, made) for version in NEWER] == [[]] * len(NEWER)


def test_opened_person() -> None:
    """Who read whom, in which session, of which compartments and why; twice the same is the same event."""
    made = event_of("open")
    assert made["class_uid"] * 100 + made["activity_id"] == made["type_uid"] == 300_402
    assert made["entity"] == {"type_id": 99, "type": "person", "uid": str(PERSON)}
    assert made["actor"]["user"]["uid"] == str(ACCOUNT)
    assert made["actor"]["session"]["uid"] == str(SESSION)
    assert made["metadata"]["uid"] == "log-1.example.org/59/41"
    assert (made["time"], made["metadata"]["original_time"]) == (1_795_426_200_125, "2026-11-23T09:30:00.125001+00:00")
    assert made["unmapped"]["compartments"] == ["identity", "nir", "3"]  # a bit that the profile does not name
    assert made["unmapped"]["purpose"] == "benefits"
    assert (made["status_id"], made["severity_id"]) == (1, Severity.INFORMATIONAL)
    assert made == event_of("open")


def test_refusals_are_seen() -> None:
    """A refusal is a failure of low severity at least, whatever the event."""
    for outcome in Outcome:
        if outcome == Outcome.OPEN:
            continue
        made = event_of("open", outcome)
        assert (made["status_id"], made["status_code"], made["severity_id"]) == (2, outcome, Severity.LOW)
    assert event_of("token_copied")["severity_id"] == Severity.HIGH
    assert event_of("token_copied", "scope")["severity_id"] == Severity.HIGH


def test_whom_it_is_about() -> None:
    """An act of the owner's names its account as the user, an act on oneself oneself, the nil account the owner."""
    frozen = event_of("account_frozen", fields={**FULL, "account": OWNER})
    assert frozen["user"]["uid"] == str(SUBJECT)
    assert frozen["actor"]["user"]["name"] == "owner"
    assert event_of("person_changed", fields={**FULL, "account": INTAKE})["actor"]["user"]["name"] == "intake"
    assert event_of("space_signed_in")["user"]["uid"] == str(ACCOUNT)
    assert event_of("search", fields={**SPARSE, "account": ACCOUNT})["entity"]["uid"] == "59"


def test_every_field_goes_out() -> None:
    """Whatever an entry says is somewhere in the event, and nothing else is."""
    fields = {**FULL, "event": "open", "outcome": "open"}
    written = rfc5424.json_line(ocsf.event_of(NAMES, 41, fields)).decode()
    assert fields.keys() == {field.name for field in entry.FIELDS}
    for name, value in fields.items():
        match value:
            case bytes():
                assert value.hex() in written
            case datetime() | int():
                assert name in {"at", "compartments", "purpose"} or f":{value}" in written
            case _:
                assert str(value) in written


def test_entry_is_read_as_it_was_written() -> None:
    """What the tree has is what goes out."""
    fields: dict[str, entry.Value] = {**FULL, "event": "open", "outcome": "open"}
    values = [entry.written(fields.get(field.name)) for field in entry.FIELDS]
    assert ocsf.read(values) == fields


def test_message_of_syslog() -> None:
    """Header, origin and text as RFC 5424 has them; the frame tells the length in octets."""
    header = rfc5424.Header("host.example.org", "0.1.0", Severity.LOW, AT)
    message = rfc5424.message(header, "open", b"{}")
    assert message == (
        b"<109>1 2026-11-23T09:30:00.125001Z host.example.org cloison - open "
        b'[origin software="cloison" swVersion="0.1.0"] {}'
    )
    assert rfc5424.frame(message) == b"%d %b" % (len(message), message)
    assert rfc5424.json_line({"a": "é\n"}) == b'{"a":"\\u00e9\\n"}'


@pytest.mark.parametrize(("host", "name"), [("a b", "ab"), ("é", "-"), ("", "-"), ("x" * 300, "x" * 255)])
def test_host_that_is_no_name(host: str, name: str) -> None:
    """Whatever a machine is called, the header keeps its form."""
    assert rfc5424.name_of(host) == name


def test_forms_are_documented() -> None:
    """The page for the security officer has a line an event, with class and activity as the code has them."""
    lines = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name: (int(kind), int(activity)) for name, kind, activity in lines}
    assert documented == {event.value: (form.kind.value, form.activity) for event, form in ocsf.FORMS.items()}
