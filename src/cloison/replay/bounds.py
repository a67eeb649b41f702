"""The most people that stolen accounts can have in any hour, known before anything is attacked: their blast radius.

Names on lists and cards are within the keeper's ceiling of labels too, which the database does not know of.
"""

from collections.abc import Sequence

import psycopg

from cloison.access.blast_radius import Bound, bound
from cloison.access.exposed import read_staff


def most_people(owner: psycopg.Connection, handles: Sequence[str], keeper_labels: int) -> int:
    """The most distinct people of these accounts in an hour; `keeper_labels` is the keeper's ceiling of each."""
    staff = read_staff(owner, handles)
    return sum(within_ceiling(bound(exposed, staff), keeper_labels) for exposed in staff.accounts)


def within_ceiling(found: Bound, keeper_labels: int) -> int:
    """The most people of one account in an hour, of whom the keeper opens so many labels at most."""
    return min(found.people.hour, found.opened.hour + min(found.labels.hour, keeper_labels))
