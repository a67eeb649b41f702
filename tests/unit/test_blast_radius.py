"""The blast radius as arithmetic: what bounds an account, what lowers it, what it is together with others."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloison.access.blast_radius import METERS, Bound, Why, bound, closed, until
from cloison.access.blast_report import Report, report
from cloison.access.exposed import EVERYBODY, Exposed, People, Reach, RoleRights, Staff
from cloison.access.what_if import changed
from cloison.errors import BadRequestError, UnknownAccountError, UnknownOrganisationError

COMPARTMENTS, LABEL = ("identity", "nir", "label"), 4
WINDOWS = People.__struct_fields__
METER_NAMES = tuple(meter.name.lower() for meter in METERS)
FOLLOWED, ELSEWHERE, MET_TODAY = 0b001_001_001, 0b000_000_001, 0b000_100_000  # ways: card, list, opened
BUDGETS = {"open": People(10, 30, 80, 600), "list": People(100, 100, 400, 1500), "search": People(16, 50, 150, 1000)}


def role(name: str = "partner", relations: int = 7, **fields: Any) -> RoleRights:  # noqa: ANN401 - any field
    """A role that opens two compartments and sees labels, without walk-in right."""
    return msgspec.structs.replace(RoleRights(name, relations, 7, 1, BUDGETS), **fields)


ADVISER = role("adviser", 15, budgets=BUDGETS | {"walk_in": People(1, 3, 10, 60)})


def account(*reach: tuple[int, int], handle: str = "anna", **fields: Any) -> Exposed:  # noqa: ANN401 - as above
    """An account with so many people in reach in these ways, in every window."""
    ways = tuple(Reach((mask,) * 4, people) for mask, people in reach)
    made = Exposed(handle, "Service", "59", "partner", False, True, True, None, EVERYBODY, 1, 3600, ways)
    return msgspec.structs.replace(made, **fields)


def staff(*accounts: Exposed, roles: tuple[RoleRights, ...] = (role(), ADVISER)) -> Staff:
    """These accounts and roles."""
    return Staff(COMPARTMENTS, LABEL, {each.name: each for each in roles}, accounts)


def bound_of(exposed: Exposed) -> Bound:
    """The bound of one account by itself."""
    return bound(exposed, staff(exposed))


def test_related_people_count_once() -> None:
    """Whoever is opened, listed and found is one person: 20 in reach are 20, whatever the budgets."""
    found = bound_of(account((FOLLOWED, 20)))
    assert found.people == People(20, 20, 20, 20)
    assert found.opened == People(10, 20, 20, 20)


def test_budgets_add_up_where_reach_is_wide() -> None:
    """With more people in reach than all meters have room for, each meter releases others."""
    assert bound_of(account((FOLLOWED, 10_000))).people == People(126, 180, 630, 3100)


def test_labels_are_for_the_home_alone() -> None:
    """People of another segment are opened, never on a list or a card."""
    found = bound_of(account((ELSEWHERE, 100), (FOLLOWED, 4)))
    assert found.people == People(14, 34, 84, 104)
    assert found.by_compartment["nir"].hour == 30


def test_today_s_list_names_who_can_no_longer_be_opened() -> None:
    """An appointment of this morning is on today's list, and nothing else."""
    found = bound_of(account((MET_TODAY, 5)))
    assert (found.people.hour, found.opened.hour, found.by_compartment["label"].hour) == (5, 0, 5)


def test_strangers_come_beside_the_caseload() -> None:
    """With walk-in right, cards and openings of strangers come on top of those in reach."""
    found = bound_of(account((FOLLOWED, 20), role="adviser"))
    assert found.people == People(37, 73, 180, 1080)
    assert found.by_relation["walk_in"] == People(17, 53, 160, 1060)
    assert found.by_relation["caseload"].hour == 20


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"frozen": True}, Why.FROZEN),
        ({"agreed": False}, Why.NO_AGREEMENT),
        ({"segment_agreed": False}, Why.SEGMENT),
        ({"agreed_roles": ("adviser",)}, Why.ROLE),
        ({"role": "officer"}, Why.RIGHTS),
    ],
)
def test_nobody_and_why(fields: dict[str, Any], why: Why) -> None:
    """Who may open nobody is released nobody, and the report says why."""
    exposed = account((FOLLOWED, 20), **fields)
    found = bound(exposed, staff(exposed, roles=(role(), role("officer", 0, compartments=0))))
    assert (found.why, found.people, found.whatever_reach) == (why, People(), People())


def test_budget_of_a_window_within_another() -> None:
    """An hour has no more than a day, and no more than twelve times five minutes."""
    assert closed(People(50, 40, 30, 20)) == People(20, 20, 20, 20)
    assert closed(People(1, 100, 1000, 10_000)) == People(1, 12, 288, 8064)


def test_cap_counts_openings_not_names() -> None:
    """Three accounts under a cap open no more pairs than it; lists and cards come beside."""
    three = [account((FOLLOWED, 25), handle=f"a{i}", caps=People(40, 40, 40, 40)) for i in range(3)]
    (organisation,) = report(staff(*three)).organisations
    assert organisation.total.opened == People(30, 40, 40, 40)
    assert organisation.total.by_compartment["nir"].day == 40
    assert organisation.total.people.day == 75
    many = [account((ELSEWHERE, 100), (FOLLOWED, 2), handle=f"a{i}", caps=People(40, 40, 40, 40)) for i in range(3)]
    assert report(staff(*many)).organisations[0].total.people.day == 46


def test_captured_desk_ends_with_its_sessions() -> None:
    """Only accounts with a session count, and of a longer window only what is left of the session."""
    one, two = account((FOLLOWED, 10_000)), account((FOLLOWED, 10_000), handle="b", sessions=0)
    desk = report(staff(one, two)).desk
    assert (desk.sessions, desk.total.accounts) == (1, 1)
    assert desk.total.people == People(126, 180, 180, 180)
    assert until(299, bound_of(one)).people == People(126, 126, 126, 126)


def test_ranked_by_the_day() -> None:
    """The account that could be released the most people in a day stands first."""
    few, many = account((FOLLOWED, 3), handle="few"), account((FOLLOWED, 300), handle="many")
    assert [each.account for each in report(staff(few, many)).accounts] == ["many", "few"]


def test_report_of_one() -> None:
    """One account or organisation can be asked for; one that is not there is an error that says so."""
    whole = report(staff(account(), account(handle="b", organisation="Other")), ["Empty"])
    assert [each.account for each in whole.only("b", None).accounts] == ["b"]
    assert [each.account for each in whole.only(None, "Service").accounts] == ["anna"]
    assert whole.only(None, "Empty").organisations[0].total.people == People()
    with pytest.raises(UnknownAccountError):
        whole.only("c", None)
    with pytest.raises(UnknownOrganisationError):
        whole.only(None, "Nowhere")


def test_what_if() -> None:
    """A budget, a caseload and a role can be another, also of a handle with dots."""
    given = staff(account((FOLLOWED, 20), handle="a.b"))
    assert people_if(given, "a.b.caseload=5").hour == 5
    assert people_if(given, "a.b.caseload=40").hour == 40
    assert people_if(given, "a.b.role=adviser").hour == 73
    assert people_if(given, "a.b.role=adviser", "adviser.search.hour=10").hour == 33
    wide = staff(account((FOLLOWED, 10_000)))
    assert people_if(wide, "partner.open.hour=3").each == (119, 153, 622, 3100)


@pytest.mark.parametrize(
    "change",
    [
        *("", "x", "anna.role=", "partner.open.hour", "partner.open.hour=-1", "partner.open.hour=many"),
        *("king.open.hour=1", "partner.refusal.hour=1", "partner.open.week=1", "open.hour=1"),
        *("anna.caseload=²", "anna.role=king"),
    ],
)
def test_what_if_that_cannot_be(change: str) -> None:
    """A change that cannot be read, or of what is not there, is refused with what there is."""
    with pytest.raises(BadRequestError):
        changed(staff(account()), [change])


def people_if(given: Staff, *changes: str) -> People:
    """The only account's bound after these changes."""
    return report(changed(given, changes)).accounts[0].people


windows = st.builds(People, *[st.integers(0, 60)] * 4)
reaches = st.lists(st.builds(Reach, st.tuples(*[st.integers(0, 511)] * 4), st.integers(1, 30)), max_size=4).map(tuple)
budgets = st.fixed_dictionaries(dict.fromkeys(METER_NAMES, windows))
roles = st.builds(RoleRights, st.just("partner"), st.integers(0, 15), st.integers(0, 7), st.integers(0, 1), budgets)
exposed_accounts = st.builds(
    Exposed,
    *(st.sampled_from(["anna", "b", "c"]), st.just("Service"), st.just("59"), st.just("partner")),
    *(st.just(False), st.just(True), st.just(True), st.none()),
    *(windows, st.integers(0, 1), st.integers(1, 10**6), reaches, st.none() | st.integers(0, 60)),
)


def all_numbers(found: Report) -> list[int]:
    """Every number of a report, accounts by handle."""
    accounts = sorted(found.to_json()["accounts"], key=lambda each: str(each["account"]))
    rest = [each.total for each in found.organisations] + [found.desk.total]
    return [number for part in (accounts, msgspec.to_builtins(rest)) for number in _numbers(part)]


def _numbers(part: object) -> list[int]:
    if isinstance(part, dict):
        return [number for name in sorted(part) for number in _numbers(part[name])]
    if isinstance(part, list):
        return [number for each in part for number in _numbers(each)]
    return [part] if isinstance(part, int) else []


@given(
    roles,
    st.lists(exposed_accounts, min_size=1, max_size=3, unique_by=lambda each: each.account),
    st.tuples(st.sampled_from([*METER_NAMES, "cap", "caseload"]), st.sampled_from(WINDOWS), st.integers(0, 60)),
)
def test_lowering_never_raises(rights: RoleRights, accounts: list[Exposed], change: tuple[str, str, int]) -> None:
    """Whichever budget, caseload or cap is lowered, no number of anybody's rises."""
    what, window, to = change
    caps = accounts[0].caps
    accounts = [msgspec.structs.replace(each, caps=caps) for each in accounts]
    lower, first = rights, accounts[0]
    if what in METER_NAMES:
        budget = _lowered(rights.budgets[what], window, to)
        lower = msgspec.structs.replace(rights, budgets=rights.budgets | {what: budget})
    elif what == "caseload":
        first = msgspec.structs.replace(first, caseload=to if first.caseload is None else min(to, first.caseload))
        more = 60 if accounts[0].caseload is None else accounts[0].caseload
        accounts[0] = msgspec.structs.replace(accounts[0], caseload=max(more, to))
    others = [first, *accounts[1:]]
    if what == "cap":
        others = [msgspec.structs.replace(each, caps=_lowered(caps, window, to)) for each in others]
    before = all_numbers(report(staff(*accounts, roles=(rights,))))
    after = all_numbers(report(staff(*others, roles=(lower,))))
    assert len(before) == len(after)
    assert all(b >= a for b, a in zip(before, after, strict=True))


def _lowered(people: People, window: str, to: int) -> People:
    return msgspec.structs.replace(people, **{window: min(to, getattr(people, window))})


@given(roles, exposed_accounts)
def test_parts_fit_the_whole(rights: RoleRights, exposed: Exposed) -> None:
    """No part is more than the whole, no shorter window has more than a longer, and reach only ever adds."""
    found = bound(msgspec.structs.replace(exposed, caseload=None), staff(exposed, roles=(rights,)))
    for part in (found.opened, found.labels, *found.by_compartment.values(), *found.by_relation.values()):
        assert all(some <= whole for some, whole in zip(part.each, found.people.each, strict=True))
    assert all(a <= b for a, b in zip(found.people.each, found.whatever_reach.each, strict=True))
