"""The blast radius of everybody, ranked: accounts, organisations, and the desk with the sessions alive now. No I/O.

Ranked by what an account could be released in a day, then in an hour, then in 28 days.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cloison.access.blast_radius import Bound, bound, closed, until
from cloison.access.exposed import EVERYBODY, NOBODY, Exposed, People, Staff
from cloison.errors import UnknownAccountError, UnknownOrganisationError


class Total(msgspec.Struct, frozen=True):
    """The most account-person pairs of several accounts together."""

    accounts: int
    people: People
    opened: People
    whatever_reach: People
    by_compartment: dict[str, People]
    by_relation: dict[str, People]


class OfOrganisation(msgspec.Struct, frozen=True):
    """An organisation's accounts together; `cap` is what its agreement caps, in any window."""

    organisation: str
    cap: People
    total: Total


class OfDesk(msgspec.Struct, frozen=True):
    """What whoever has the desk could take with the sessions alive now."""

    sessions: int
    total: Total


class Report(msgspec.Struct, frozen=True):
    """All numbers, the largest first."""

    accounts: list[Bound]
    organisations: list[OfOrganisation]
    desk: OfDesk

    def only(self, account: str | None, organisation: str | None) -> "Report":
        """What concerns an account or an organisation; raises UnknownAccountError, UnknownOrganisationError.

        The desk is everybody's, and left as it is.
        """
        accounts, organisations = self.accounts, self.organisations
        if account is not None:
            accounts = [each for each in accounts if each.account == account]
            if not accounts:
                raise UnknownAccountError(account=account)
            organisations = [each for each in organisations if each.organisation == accounts[0].organisation]
        if organisation is not None:
            organisations = [each for each in organisations if each.organisation == organisation]
            if not organisations:
                raise UnknownOrganisationError(organisation=organisation)
            accounts = [each for each in accounts if each.organisation == organisation]
        return Report(accounts, organisations, self.desk)

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """The JSON of the command; `top`: so many accounts and organisations at most."""
        return {
            "accounts": [_account(each) for each in self.accounts[:top]],
            "organisations": [
                {"organisation": each.organisation, "cap": _cap(each.cap), **_total(each.total)}
                for each in self.organisations[:top]
            ],
            "captured_desk": {"sessions": self.desk.sessions, **_total(self.desk.total)},
        }


def report(staff: Staff, empty: Sequence[str] = ()) -> Report:
    """The numbers of all accounts; `empty`: organisations that have none."""
    bounds = {each: bound(each, staff) for each in staff.accounts}
    label = staff.compartments[staff.label.bit_length() - 1] if staff.label else ""
    by_organisation: dict[str, list[Exposed]] = {name: [] for name in empty}
    for each in staff.accounts:
        by_organisation.setdefault(each.organisation, []).append(each)
    organisations, at_the_desk = [], []
    for name, accounts in by_organisation.items():
        cap = accounts[0].caps if accounts else EVERYBODY
        organisations.append(OfOrganisation(name, cap, together((bounds[each] for each in accounts), label, cap)))
        alive = [until(each.seconds_left, bounds[each]) for each in accounts if each.sessions]
        at_the_desk.append(together(alive, label, cap))
    sessions = sum(each.sessions for each in staff.accounts)
    return Report(
        sorted(bounds.values(), key=lambda each: (*_rank(each.people), each.account)),
        sorted(organisations, key=lambda each: (*_rank(each.total.people), each.organisation)),
        OfDesk(sessions, merged(at_the_desk)),
    )


def together(bounds: Iterable[Bound], label: str, cap: People = EVERYBODY) -> Total:
    """Rule 4 of `blast_radius.py`, for one organisation; `label`: the compartment that can be had beside the cap."""
    bounds, cap = list(bounds), closed(cap)
    total, opened = _sum(b.people for b in bounds), _sum(b.opened for b in bounds).least(cap)
    people = total.least(_sum(b.labels for b in bounds) + cap)
    whatever = _sum(b.whatever_reach for b in bounds).least(_sum(b.whatever_labels for b in bounds) + cap)
    return Total(
        len(bounds),
        people,
        opened,
        whatever,
        {
            name: each.least(people if name == label else opened)
            for name, each in _sums(b.by_compartment for b in bounds).items()
        },
        {name: each.least(people) for name, each in _sums(b.by_relation for b in bounds).items()},
    )


def merged(totals: Sequence[Total]) -> Total:
    """Several totals as one."""
    return Total(
        sum(each.accounts for each in totals),
        _sum(each.people for each in totals),
        _sum(each.opened for each in totals),
        _sum(each.whatever_reach for each in totals),
        _sums(each.by_compartment for each in totals),
        _sums(each.by_relation for each in totals),
    )


def _sum(numbers: Iterable[People]) -> People:
    return sum(numbers, start=NOBODY)


def _sums(named: Iterable[Mapping[str, People]]) -> dict[str, People]:
    total: dict[str, People] = {}
    for numbers in named:
        for name, people in numbers.items():
            total[name] = total.get(name, NOBODY) + people
    return total


def _rank(people: People) -> tuple[int, int, int]:
    return -people.day, -people.hour, -people.days28


def _account(each: Bound) -> dict[str, Any]:
    return {
        "account": each.account,
        "organisation": each.organisation,
        "segment": each.segment,
        "role": each.role,
        "why": each.why,
        **_people(each.people),
        "opened": _people(each.opened),
        "in_reach": _people(each.in_reach),
        "whatever_reach": _people(each.whatever_reach),
        "by_compartment": {name: _people(people) for name, people in each.by_compartment.items()},
        "by_relation": {name: _people(people) for name, people in each.by_relation.items()},
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "accounts": total.accounts,
        **_people(total.people),
        "opened": _people(total.opened),
        "whatever_reach": _people(total.whatever_reach),
        "by_compartment": {name: _people(people) for name, people in total.by_compartment.items()},
        "by_relation": {name: _people(people) for name, people in total.by_relation.items()},
    }


def _people(people: People) -> dict[str, int]:
    return msgspec.structs.asdict(people)


def _cap(cap: People) -> dict[str, int | None]:
    return {name: None if pairs == EVERYBODY.hour else pairs for name, pairs in _people(cap).items()}
