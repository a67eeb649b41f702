"""People brought in, corrected, moved, over HTTP: what becomes of record, search terms, locators and log."""

from typing import Any

import pytest
from support.api import calling, problem
from support.desk import RunningRegister
from support.life import entries, living, newcomer, nir, one, person_of

from cloison.client import Credentials, DeviceKey

VERSIONED = "select version from cloison.person where person = %s"


def test_somebody_brought_in_can_be_opened_and_found(register: RunningRegister) -> None:
    """Who creates opens at once what was written; the log has the creation under the account's own name."""
    with living(register) as life:
        row = newcomer(nir=nir(1, 101))
        made = life.create(**row)
        assert (made["outcome"], made["segment"]) == ("created", "59")
        assert life.fields(made["person"]) == row
        assert life.api.found(row) == made["person"]
        assert ("person_created", "open", True, 31) in [entry[:4] for entry in entries(register, made["person"])]


def test_created_twice_is_known(register: RunningRegister) -> None:
    """The same person again, as after an answer that got lost, is `known` by the same number, nobody is doubled."""
    with living(register) as life:
        row = newcomer()
        first, again = life.create(**row), life.create(**row)
        assert (again["outcome"], again["person"]) == ("known", first["person"])


def test_somebody_of_another_department_is_created_there(register: RunningRegister) -> None:
    """The commune says the segment, whoever creates."""
    with living(register) as life:
        made = life.create(**newcomer(commune="75056"))
        assert (made["outcome"], made["segment"]) == ("created", "75")
        assert one(register, "select segment from cloison.person where person = %s", made["person"]) == "75"


def test_invalid_fields_are_named_and_their_values_are_not(register: RunningRegister) -> None:
    """A record that an import would reject is refused with field and reason; a field that does not exist is a 400."""
    with living(register) as life:
        body = {"purpose": "correction", "fields": newcomer(birth_date="1990-02-30", nir="1901359350001")}
        answer = life.send("POST", "/v1/people", body)
        detail = problem(answer, 422, "invalid_fields").detail
        assert "birth_date: date" in detail
        assert "nir: nir_form" in detail
        assert "1990-02-30" not in answer.text
        person = str(life.bring_in())
        path = f"/v1/people/{person}"
        unknown = life.send("PATCH", path, {"purpose": "correction", "fields": {"dupont": "x"}})
        assert problem(unknown, 400, "malformed_request").path == "$.fields"
        emptied = life.send("PATCH", path, {"purpose": "correction", "fields": {"birth_name": None}})
        assert "birth_name: missing" in problem(emptied, 422, "invalid_fields").detail
        assert one(register, VERSIONED, person) == 1


def test_a_change_of_nothing_is_no_change(register: RunningRegister) -> None:
    """An empty `fields` is a malformed request: nobody is read, no version is made, and nothing is charged."""
    with living(register) as life:
        person = str(life.bring_in())
        before = entries(register, person)
        answer = life.send("PATCH", f"/v1/people/{person}", {"purpose": "correction", "segment": "59", "fields": {}})
        assert problem(answer, 400, "malformed_request").path == "$.fields"
        assert one(register, VERSIONED, person) == 1
        assert entries(register, person) == before


def test_a_correction_is_resealed_and_logged_with_version_and_hash(register: RunningRegister) -> None:
    """The change is visible, what was not named stays, the entry holds the row's new version and its hash."""
    with living(register) as life:
        row = newcomer(email="camille@example.org", phone="0199001234")
        person = str(life.bring_in(**row))
        assert life.change(person, email="dominique@example.org", phone=None) == {
            "outcome": "changed",
            "person": person,
            "segment": "59",
            "version": 2,
        }
        left = {name: value for name, value in row.items() if name != "phone"}
        assert life.fields(person) == {**left, "email": "dominique@example.org"}
        events = [(event, outcome, ours, version) for event, outcome, ours, _, version, _ in entries(register, person)]
        assert ("person_read", "open", True, None) in events
        assert ("person_changed", "open", True, 2) in events
        assert [len(entry[5]) for entry in entries(register, person) if entry[0] == "person_changed"] == [32]


def test_search_terms_follow_a_correction(register: RunningRegister) -> None:
    """Whoever was found by the old e-mail is found by the new one alone."""
    with living(register) as life:
        person = str(life.bring_in(email="before@example.org"))
        life.change(person, email="after@example.org")
        assert [card["person"] for card in life.api.search(email="after@example.org")["cards"]] == [person]
        assert life.api.search(email="before@example.org")["cards"] == []


def test_a_move_takes_record_and_relations_to_the_other_segment(register: RunningRegister) -> None:
    """Another department's commune moves the person: sealed anew there, gone here, with those who follow them."""
    with living(register, 1) as life:
        person = life.api.found(life.agent.people[0])
        before = one(register, "select key_id from cloison.person where person = %s", person)
        assert life.change(person, commune="75056", postcode="75001", city="Paris")["segment"] == "75"
        assert one(register, "select count(*) from cloison.person where person = %s", person) == 1
        assert one(register, "select segment from cloison.person where person = %s", person) == "75"
        assert one(register, "select key_id from cloison.person where person = %s", person) != before
        assert one(register, "select segment from cloison.relation where person = %s", person) == "75"
        events = [(event, version) for event, _, _, _, version, _ in entries(register, person)]
        assert ("person_moved", 2) in events
        assert life.outcome(person) == "scope"  # in the segment that was left


def test_a_provisional_nir_gives_way_to_the_definitive_one(register: RunningRegister) -> None:
    """The row says so until then; afterwards the person is found by the definitive one, and the other is free."""
    with living(register) as life:
        waiting, definitive = nir(7, 201, year=63), nir(1, 201, year=63)
        person = str(life.bring_in(nir=waiting))
        assert one(register, "select provisional from cloison.person where person = %s", person) is True
        assert life.change(person, nir=definitive)["outcome"] == "changed"
        assert one(register, "select provisional from cloison.person where person = %s", person) is False
        found = life.api.search(nir=definitive, birth_date="1990-02-03")["cards"]
        assert [card["person"] for card in found] == [person]
        assert life.create(**newcomer(nir=waiting))["outcome"] == "created"


@pytest.mark.parametrize("field", ["nir", "identifier"])
def test_somebody_elses_number_is_a_conflict_and_changes_nothing(register: RunningRegister, field: str) -> None:
    """Neither by creating nor by correcting does anybody take over a number; nothing says whose it is."""
    with living(register) as theirs, living(register) as life:
        row = newcomer(nir=nir(1, 301, year={"nir": 61, "identifier": 62}[field]))
        theirs.create(**row)
        person = str(life.bring_in())
        assert life.change(person, **{field: row[field]}) == {"outcome": "conflict"}
        assert one(register, VERSIONED, person) == 1
        assert life.create(**newcomer(**{field: row[field]})) == {"outcome": "conflict"}
        assert life.fields(person)["identifier"] != row["identifier"]


def test_another_segments_person_is_out_of_reach(register: RunningRegister) -> None:
    """Somebody of another segment, nobody, and a stranger: one answer to whoever would change them."""
    with living(register) as life:
        stranger = person_of(register, register.people[-1])
        body = {"purpose": "correction", "fields": {"city": "Lille"}}
        answers: list[Any] = [
            life.did("PATCH", f"/v1/people/{stranger}", body),
            life.did("PATCH", "/v1/people/00000000-0000-4000-8000-000000000000", body),
            life.did("PATCH", f"/v1/people/{stranger}", {**body, "segment": "75"}),
        ]
        assert answers == [{"outcome": "scope"}] * 3
        assert ("person_read", "scope") in [entry[:2] for entry in entries(register, stranger)]


def test_a_compartment_that_is_not_the_roles_cannot_be_changed(register: RunningRegister) -> None:
    """An adviser changes a NIR with a fresh touch alone; a partner and the reception change nobody."""
    with living(register, 1) as touched, living(register, 1, touched=False) as life:
        person, other = touched.api.found(touched.agent.people[0]), life.api.found(life.agent.people[0])
        assert life.change(other, nir=nir(1, 401, year=64)) == {"outcome": "step_up"}
        assert life.change(other, city="Lille")["outcome"] == "changed"
        assert touched.change(person, nir=nir(1, 402, year=64))["outcome"] == "changed"
    for role in ("partner", "reception"):
        with living(register, 1, role) as life:
            followed = person_of(register, life.agent.people[0])
            purposes = {"partner": "follow_up", "reception": "reception"}
            body = {"purpose": purposes[role], "fields": {"city": "Lille"}}
            assert life.did("PATCH", f"/v1/people/{followed}", body) == {"outcome": "scope"}
            assert life.did("POST", "/v1/people", {**body, "fields": newcomer()}) == {"outcome": "scope"}


def test_without_a_session_there_is_no_change(register: RunningRegister) -> None:
    """The door asks for a session as the desk does, whatever the body says."""
    with calling(register, Credentials("59." + "A" * 43, DeviceKey())) as api:
        answer = api.http.post("/v1/people", json={"purpose": "correction", "fields": newcomer()})
        problem(answer, 401, "no_session")
    with calling(register, None) as api:
        problem(api.http.post("/v1/people", json={"purpose": "correction", "fields": newcomer()}), 401, "no_session")


def test_no_log_says_who_was_changed(register: RunningRegister) -> None:
    """Whose record was changed stands in the audit log alone, not in what the processes print."""
    with living(register) as life:
        person = str(life.bring_in())
        assert life.change(person, city="Lille")["outcome"] == "changed"
    logs = [path.read_text(encoding="utf-8") for path in register.home.log.glob("*.log")]
    assert logs
    assert not [log for log in logs if person in log]
