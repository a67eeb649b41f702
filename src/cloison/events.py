"""The events of the audit log: closed, and the same in `40_audit.sql` and in `docs/events.md`; a test compares them."""

from enum import StrEnum


class Event(StrEnum):
    """What an audit entry tells."""

    OPEN = "open"
    SEARCH = "search"
    LIST = "list"
    REFUSALS_EXCEEDED = "refusals_exceeded"
    SESSION_ISSUED = "session_issued"
    SESSION_ENDED = "session_ended"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_UNFROZEN = "account_unfrozen"
    PEOPLE_IMPORTED = "people_imported"
    RELATIONS_IMPORTED = "relations_imported"
