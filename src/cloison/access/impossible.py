"""Why an act cannot be done, in words, by the SQLSTATE that the database raises. No I/O."""

import psycopg

IMPOSSIBLE = {
    "23505": "the name is taken",
    "23514": "a handle, a segment, an agency or a number is not of the allowed form",
    "22003": "a number is too large",
    "CL002": "a time is over, or not of the allowed form",
    "CL005": "there is no such account, role or organisation",
    "CL010": "no agreement with the organisation is in force",
    "CL011": "the segment is not one of the agreement",
    "CL012": "the role is not one of the agreement",
    "CL013": "there are as many accounts as the agreement gives",
    "CL014": "the agency is not one of the organisation's",
    "CL015": "the agreement would have ended already",
    "22007": "a date is not one",
    "22P02": "a number is not one",
    "CL023": "the passkey was added in the last 24 hours; use an older one, or wait",
    "CL024": "the facts are not of the last hour, or compartments or hours are not those of the role",
    "CL025": "an emergency of yours was not approved in time; two others must let you ask again",
    "CL026": "two emergencies of yours wait to be approved",
    "CL027": "the budget of who approves has no room for the person today, or it is of another segment",
    "CL028": "people, hours, compartments, purpose, segments or recipient are not what the executor may export",
    "CL031": "no such protection stands",
    "CL029": "there is no such limit",
    "CL034": "a campaign is for one's own agency and segment, 1 to 5 days, and 1 to 500 people",
    "CL035": "a campaign of this agency stands already",
    "CL040": "an investigation ends on a day to come, within six months",
    "CL041": "there is no such purpose",
    "CL032": "the key is not the one of the thumbprint",
    "CL033": "too many of them wait already",
    "CL030": "there is no such organisation, here or in the file",
}


def reason_of(error: psycopg.Error) -> str | None:
    """Why, or None where the database refused something else than the act."""
    return IMPOSSIBLE.get(error.sqlstate or "")
