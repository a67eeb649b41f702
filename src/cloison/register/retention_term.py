"""When a record's retention ends, and the cohort that shares the key to destroy then. No I/O."""

from datetime import date

MONTHS_A_YEAR = 12
MONTHS_A_QUARTER = 3


def months_after(day: date, months: int) -> date:
    """The first day of the month that lies `months` after the month of `day`: its quarter is what counts."""
    year, month = divmod(day.year * MONTHS_A_YEAR + day.month - 1 + months, MONTHS_A_YEAR)
    return date(year, month + 1, 1)


def cohort_of(end: date) -> int:
    """The cohort of a retention that ends on `end`: year * 4 + quarter - 1."""
    return end.year * 4 + (end.month - 1) // MONTHS_A_QUARTER
