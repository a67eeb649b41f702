"""`cloison people history`: what the person will see, under every number they ever had."""

from pathlib import Path

from support.desk import RunningRegister
from support.life import living
from support.operated import OperatedHome, served


def test_history_tells_who_what_why_and_which_compartments(tmp_path: Path) -> None:
    """A creation, an opening, a correction and a merge are listed for both numbers; nothing of the record is."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    try:
        with served(operated):
            register = RunningRegister(operated.home, tmp_path)
            with living(register) as life, living(register, 0, "manager") as approves:
                survivor, absorbed = life.bring_in(), life.bring_in(email="shown@example.org")
                life.outcome(absorbed)
                life.change(survivor, city="Lille")
                merge = life.merge(survivor, absorbed)["merge"]
                approves.did("POST", f"/v1/merges/{merge}/approve")
            history = operated.do("people", "history", str(survivor))
            table = operated.run("people", "history", str(absorbed))
        assert set(history["identities"]) == {str(survivor), str(absorbed)}
        told = [
            (entry["person"], entry["event"], entry["role"], entry["purpose"], entry["compartments"], entry["version"])
            for entry in history["entries"]
        ]
        everything = ["identity", "contact", "nir", "situation", "label"]
        assert (str(absorbed), "open", "adviser", "correction", ["identity"], None) in told
        assert (str(survivor), "person_read", "adviser", "correction", everything, None) in told
        assert (str(survivor), "person_changed", "adviser", None, [], 2) in told
        assert (str(survivor), "people_merged", "manager", None, [], 3) in told
        assert {entry["organisation"] for entry in history["entries"]} == {"Service"}
        assert [entry["at"] for entry in history["entries"]] == sorted(entry["at"] for entry in history["entries"])
        assert table.status == 0
        assert "people_merged" in table.out
        assert "shown@example.org" not in table.out
    finally:
        operated.stop()
