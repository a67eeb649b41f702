"""`cloison people history`: what the person will see, under every number they ever had."""

import json
import os
import subprocess

from support.desk import RunningRegister
from support.life import living
from support.operated import PROGRAM


def history(register: RunningRegister, person: object, *words: str) -> str:
    """What the command prints about somebody."""
    command = [str(PROGRAM), "people", "history", str(person), *words]
    environment = {**os.environ, "CLOISON_HOME": str(register.home.path), "COLUMNS": "200"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_history_tells_who_what_why_and_which_compartments(register: RunningRegister) -> None:
    """A creation, an opening, a correction and a merge are listed for both numbers; nothing of the record is."""
    with living(register) as life, living(register, 0, "manager") as approves:
        survivor, absorbed = life.bring_in(), life.bring_in(email="shown@example.org")
        life.outcome(absorbed)
        life.change(survivor, city="Lille")
        merge = life.merge(survivor, absorbed)["merge"]
        approves.did("POST", f"/v1/merges/{merge}/approve")
    told_of = json.loads(history(register, survivor, "--json"))
    assert set(told_of["identities"]) == {str(survivor), str(absorbed)}
    told = [
        (entry["person"], entry["event"], entry["role"], entry["purpose"], entry["compartments"], entry["version"])
        for entry in told_of["entries"]
    ]
    everything = ["identity", "contact", "nir", "situation", "label"]
    assert (str(absorbed), "open", "adviser", "correction", ["identity"], None) in told
    assert (str(survivor), "person_read", "adviser", "correction", everything, None) in told
    assert (str(survivor), "person_changed", "adviser", None, [], 2) in told
    assert (str(survivor), "people_merged", "manager", None, [], 3) in told
    assert {entry["organisation"] for entry in told_of["entries"]} == {"Service"}
    assert [entry["at"] for entry in told_of["entries"]] == sorted(entry["at"] for entry in told_of["entries"])
    table = history(register, absorbed)
    assert "people_merged" in table
    assert "shown@example.org" not in table
