"""Fills a served home: people from a file, staff with their caseloads, the accounts that will be stolen.

All of it goes the way of everyone's: the import of people, the import of relations, the owner's accounts.
"""

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import psycopg

from cloison.access.organisations import create_organisation
from cloison.access.relations import Imported, import_relations
from cloison.config import Home
from cloison.errors import ImportFileError
from cloison.processes import keeper_of
from cloison.register.intake import Register, Summary, import_file
from cloison.register.profile import Profile
from cloison.replay.population import PARTNER, SERVICE, Worker, relation_rows
from cloison.store.pools import conninfo, pool

INTAKE_CONNECTIONS = 3
CREATE = (
    "select cloison.create_account_v1(%s, %s, (select organisation from cloison.organisation where name = %s), %s, %s)"
)


async def bring_people_in(home: Home, profile: Profile, people: Path) -> Summary:
    """Import the people file; raises ImportFileError if a row is refused."""
    connections = pool(conninfo(home, "intake"), INTAKE_CONNECTIONS)
    async with keeper_of(home, "intake") as keeper, connections:
        summary = await import_file(people, Register(profile, keeper, connections))
    if summary.rejected:
        raise ImportFileError(reason=f"{summary.rejected} fictional people were rejected")
    return summary


def create_accounts(owner: psycopg.Connection, workers: Sequence[Worker]) -> None:
    """Create the workers' accounts in one transaction; those that an interrupted run made are passed over."""
    with owner.transaction(), owner.cursor() as cursor:
        for organisation in (SERVICE, PARTNER):
            create_organisation(owner, organisation)
        made = {row[0] for row in cursor.execute("select handle from cloison.account").fetchall()}
        new = [worker for worker in workers if worker.handle not in made]
        cursor.executemany(CREATE, [(w.segment, w.handle, w.organisation, w.agency, w.role) for w in new])


async def bring_relations_in(home: Home, profile: Profile, workers: Sequence[Worker], file: Path) -> Imported:
    """Write whom the workers follow to a caseload `file` and import it; raises ImportFileError if a row is refused."""
    today = datetime.now().astimezone().date()
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("account", "identifier", "relation", "from", "until"))
        writer.writerows(relation_rows(workers, today))
    connections = pool(conninfo(home, "intake"), INTAKE_CONNECTIONS)
    async with keeper_of(home, "intake") as keeper, connections:
        imported = await import_relations(file, Register(profile, keeper, connections))
    if imported.refused:
        raise ImportFileError(reason=f"relations were refused: {imported.refused}")
    return imported
