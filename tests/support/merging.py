"""Two people who become one record and two again, in one test's database, through the intake door's own login."""

from uuid import uuid4

import psycopg

from support.database import SEGMENT, Database

ASK_MERGE = "select merge from cloison.ask_merge_v1(%s, %s, %s, 5::int2, %s, %s, %s, 'other', %s, '{}', null)"
APPROVE = "select outcome from cloison.approve_merge_v1(%s, %s, %s, %s)"


class Merging:
    """An adviser, a manager, and two people who become one and two again."""

    def __init__(self, database: Database, intake: psycopg.Connection) -> None:
        """Nothing is asked for yet."""
        self.database, self.intake = database, intake
        adviser, (self.survivor, self.absorbed) = database.adviser(2)
        self.session = database.session(adviser.account, seconds=3_456_000)
        self.manager = database.session(database.account("manager"), seconds=3_456_000)
        self.number: object = None

    def step(self, versions: tuple[int, int] = (1, 1)) -> None:
        """Merge, then split; the records are at these versions."""
        values = (SEGMENT, self.session.token, uuid4(), self.number, self.survivor, self.absorbed, list(versions))
        row = self.intake.execute(ASK_MERGE, values).fetchone()
        assert row is not None
        self.number = row[0]
        approval = self.intake.execute(APPROVE, (SEGMENT, self.manager.token, uuid4(), self.number))
        assert approval.fetchone() == ("done",)
