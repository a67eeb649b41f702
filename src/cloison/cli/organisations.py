"""`cloison organisations …`: the service itself and its partners, and what was agreed with each."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from cloison.access import agreements, operating
from cloison.access import organisations as bodies
from cloison.access.acts import ActKind
from cloison.access.agreements import Caps, Terms
from cloison.access.organisations import Agency, Organisation
from cloison.cli import acts
from cloison.cli.acts import Wait
from cloison.cli.days import day
from cloison.cli.shared import Json, show, started
from cloison.store.pools import connect

app = typer.Typer(no_args_is_help=True, help="The service itself and its partners, and what was agreed with each.")
NAME_CHARACTERS = 200  # of an organisation, as the table has it
WINDOWS = {"minutes_5": "5 minutes", "hour": "hour", "day": "day", "days_28": "28 days"}

Segments = Annotated[str, typer.Option(help="Where people may be opened, such as 59,62; everywhere if not given.")]
Roles = Annotated[str, typer.Option(help="Which roles accounts may have, such as partner; any if not given.")]
Ends = Annotated[datetime | None, typer.Option(parser=day, metavar="DAY", help="The last day on which it holds.")]
Accounts = Annotated[int | None, typer.Option(min=0, help="How many accounts there may be.")]
Cap5 = Annotated[int | None, typer.Option("--cap-5-minutes", min=0, help="Account-person pairs in any 5 minutes.")]
CapHour = Annotated[int | None, typer.Option("--cap-hour", min=0, help="The same in any hour.")]
CapDay = Annotated[int | None, typer.Option("--cap-day", min=0, help="The same in any day.")]
Cap28 = Annotated[int | None, typer.Option("--cap-28-days", min=0, help="The same in any 28 days.")]
Agencies = Annotated[list[str] | None, typer.Option("--agency", help="A local office: NAME:SEGMENT; may be repeated.")]


@app.command("create")
def organisations_create(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    name: str,
    segments: Segments = "",
    roles: Roles = "",
    ends: Ends = None,
    accounts: Accounts = None,
    cap_5_minutes: Cap5 = None,
    cap_hour: CapHour = None,
    cap_day: CapDay = None,
    cap_28_days: Cap28 = None,
    agency: Agencies = None,
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Ask for an organisation with an agreement, without limits by default; two officers sign, or three and a day."""
    if not 1 <= len(name.strip()) <= NAME_CHARACTERS:
        raise typer.BadParameter(f"a name has 1 to {NAME_CHARACTERS} characters", param_hint="NAME")
    terms = _terms(segments, roles, ends, accounts, Caps(cap_5_minutes, cap_hour, cap_day, cap_28_days))
    agencies = _agencies(agency)
    home = started()
    with connect(home, "operator") as operator:
        details = {"name": name.strip(), "agreement": _details(terms, agencies)}
        asked = operating.ask(operator, ActKind.ORGANISATION_CREATE, operating.service(operator), details)
        asked = acts.told(home, operator, asked, wait)
    show(as_json, asked, acts.sentence(home, asked))


@app.command("agree")
def organisations_agree(  # noqa: PLR0913, PLR0917 - as above
    name: str,
    segments: Segments = "",
    roles: Roles = "",
    ends: Ends = None,
    accounts: Accounts = None,
    cap_5_minutes: Cap5 = None,
    cap_hour: CapHour = None,
    cap_day: CapDay = None,
    cap_28_days: Cap28 = None,
    agency: Agencies = None,
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Ask for a new agreement, which takes the former's place as a whole: what is not given is without limit."""
    terms = _terms(segments, roles, ends, accounts, Caps(cap_5_minutes, cap_hour, cap_day, cap_28_days))
    details = _details(terms, _agencies(agency))
    home = started()
    with connect(home, "operator") as operator:
        about = operating.organisation(operator, name)
        asked = acts.told(home, operator, operating.ask(operator, ActKind.AGREEMENT_MAKE, about, details), wait)
    show(as_json, asked, acts.sentence(home, asked))


@app.command("end")
def organisations_end(name: str, as_json: Json = False) -> None:
    """End the agreement at once: the organisation's accounts open nobody from the next charge on."""
    with connect(started(), "operator") as operator:
        agreements.end(operator, bodies.find_organisation(operator, name).organisation, name)
        organisation = bodies.find_organisation(operator, name)
    show(as_json, organisation, "\n".join(_lines(organisation)))


@app.command("show")
def organisations_show(name: str, as_json: Json = False) -> None:
    """Show an organisation, its agencies and the agreement that stands."""
    with connect(started(), "operator") as operator:
        organisation = bodies.find_organisation(operator, name)
    show(as_json, organisation, "\n".join(_lines(organisation)))


@app.command("list")
def organisations_list(as_json: Json = False) -> None:
    """List the organisations."""
    with connect(started(), "operator") as operator:
        found = bodies.organisations(operator)
    show(as_json, {"organisations": found}, "\n".join(o.name for o in found))


def _terms(segments: str, roles: str, ends: datetime | None, accounts: int | None, caps: Caps) -> Terms:
    ends_at = None if ends is None else agreements.end_of(ends.date())
    return Terms(_names(segments), _names(roles), ends_at, accounts, caps)


def _details(terms: Terms, agencies: list[Agency]) -> dict[str, Any]:
    """The terms as an act has them; what is None is without limit."""
    said = {
        "segments": terms.segments,
        "roles": terms.roles,
        "accounts": terms.accounts_most,
        "until": None if terms.ends_at is None else terms.ends_at.astimezone(UTC).isoformat(),
        "caps": msgspec.structs.asdict(terms.caps),
    }
    return said | ({"agencies": [msgspec.structs.asdict(agency) for agency in agencies]} if agencies else {})


def _names(text: str) -> tuple[str, ...] | None:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return names or None


def _agencies(texts: list[str] | None) -> list[Agency]:
    parted = [text.rpartition(":") for text in texts or []]
    if any(not name or not segment for name, _, segment in parted):
        raise typer.BadParameter("an agency is NAME:SEGMENT", param_hint="--agency")
    return [Agency(name, segment) for name, _, segment in parted]


def _lines(organisation: Organisation) -> list[str]:
    lines = [f"{organisation.name}: {organisation.organisation}"]
    lines += [f"agency {agency.name} in {agency.segment}" for agency in organisation.agencies]
    if organisation.agreement is None:
        return [*lines, "no agreement stands: its accounts open nobody"]
    terms = organisation.agreement.terms
    ends = "without end" if terms.ends_at is None else f"until {terms.ends_at:%Y-%m-%d %H:%M}"
    lines.append(f"agreement from {organisation.agreement.valid_from:%Y-%m-%d}, {ends}")
    lines.append(f"segments: {', '.join(terms.segments or ['all'])}; roles: {', '.join(terms.roles or ['all'])}")
    lines.append(f"accounts: {'any number' if terms.accounts_most is None else f'at most {terms.accounts_most}'}")
    caps = {words: getattr(terms.caps, name) for name, words in WINDOWS.items()}
    shown = [f"{pairs} in any {words}" for words, pairs in caps.items() if pairs is not None]
    return [*lines, f"account-person pairs: {', '.join(shown) or 'no cap'}"]
