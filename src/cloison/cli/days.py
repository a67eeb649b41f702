"""Days and times as options take them; what is wrong is told in the form to use, as people write it."""

from datetime import datetime

import typer


def day(text: str) -> datetime:
    """A day such as 2027-01-31, at its beginning."""
    try:
        return datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - a day of the calendar, of no time zone
    except ValueError:
        raise typer.BadParameter("a day is written YYYY-MM-DD, such as 2027-01-31") from None


def moment(text: str) -> datetime:
    """A day, from its beginning, or a time; in the machine's time zone unless it says one."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "a day is written YYYY-MM-DD, such as 2027-01-31, and a time in it 2027-01-31T18:00"
        ) from None
