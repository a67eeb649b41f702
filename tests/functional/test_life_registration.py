"""Ends, returns and deaths over HTTP: what the acts write, how long people are kept from then on, what the log says."""

from support.api import problem
from support.desk import RunningRegister
from support.life import LOGIN, entries, living, one

COHORT = "select cohort from cloison.person where person = %s"


def quarter(year: int, month: int) -> int:
    """The cohort of a retention that ends in that month."""
    return year * 4 + (month - 1) // 3


def test_an_end_and_a_return(register: RunningRegister) -> None:
    """Ended, somebody is formerly registered and kept five years from that day; registered again, from today."""
    with living(register) as life:
        person = life.bring_in(registered_on="2020-03-02")
        registered = one(register, COHORT, person)
        assert life.act(person, "end", on="2023-04-30")["outcome"] == "changed"
        fields = life.fields(person)
        assert (fields["category"], fields["ended_on"]) == ("formerly", "2023-04-30")
        assert one(register, COHORT, person) == quarter(2028, 4)
        assert life.act(person, "resume", registered_on="2024-06-01")["outcome"] == "changed"
        fields = life.fields(person)
        assert (fields["category"], fields["registered_on"]) == ("registered", "2024-06-01")
        assert "ended_on" not in fields
        assert one(register, COHORT, person) == registered
        events = [(event, version) for event, outcome, _, _, version, _ in entries(register, person)]
        assert events.index(("registration_ended", 2)) < events.index(("registration_resumed", 3))


def test_a_death_ends_a_registration_and_nobody_returns_from_it(register: RunningRegister) -> None:
    """Somebody registered is formerly registered from the day of death; a return is refused, their login has ended."""
    with living(register) as life:
        person = life.bring_in()
        one(register, LOGIN, person)
        assert life.act(person, "death", on="2024-02-03")["outcome"] == "changed"
        fields = life.fields(person)
        assert (fields["category"], fields["ended_on"], fields["deceased_on"]) == (
            *("formerly", "2024-02-03"),
            "2024-02-03",
        )
        assert one(register, COHORT, person) == quarter(2029, 2)
        assert ("person_deceased", "open") in [entry[:2] for entry in entries(register, person)]
        assert ("space_ended", "open") in [entry[:2] for entry in entries(register, person)]
        body = {"purpose": "correction", "registered_on": "2024-05-01"}
        problem(life.send("POST", f"/v1/people/{person}/resume", body), 409, "act_refused")


def test_a_death_of_somebody_with_a_space_only_stays_a_space(register: RunningRegister) -> None:
    """Who was never registered is not formerly registered by dying, which would keep them longer."""
    with living(register) as life:
        person = life.bring_in(category="space", registered_on="", space_used_on="2026-01-05")
        cohort = one(register, COHORT, person)
        assert life.act(person, "death", on="2026-02-03")["outcome"] == "changed"
        assert life.fields(person)["category"] == "space"
        assert one(register, COHORT, person) == cohort


def test_an_act_that_does_not_apply_is_refused(register: RunningRegister) -> None:
    """Nobody ends twice, or on a day to come; nothing is changed by trying."""
    with living(register) as life:
        person = life.bring_in()
        body = {"purpose": "correction", "on": "2199-01-01"}
        detail = problem(life.send("POST", f"/v1/people/{person}/end", body), 422, "invalid_fields").detail
        assert "ended_on: date_range" in detail
        assert life.act(person, "end", on="2024-01-31")["version"] == 2
        again = life.send("POST", f"/v1/people/{person}/end", {**body, "on": "2024-02-01"})
        assert "2024" not in problem(again, 409, "act_refused").detail
        assert one(register, "select version from cloison.person where person = %s", person) == 2
