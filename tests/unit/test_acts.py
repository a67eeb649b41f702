"""Acts: their bytes, how many sign, who may, how they are shown, and the habits of those who do."""

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from cloison.access.acts import (
    ACCOUNTS,
    MAX_BYTES,
    REQUIRED,
    Act,
    ActKind,
    Needed,
    Refusal,
    Signer,
    State,
    Who,
    canonical,
    challenge,
    may_sign,
    read_act,
    signatures_needed,
)
from cloison.access.acts_shown import AROUND, SENTENCES, Around, shown
from cloison.access.habits import Decision, suspicious_pairs

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SERVICE, PARTNER = UUID(int=1), UUID(int=2)
ASKER, SECOND, THIRD = (Who("59", UUID(int=number)) for number in (11, 12, 13))
FULL: dict[str, Any] = {name: f"some {name}" for names in REQUIRED.values() for name in names}


def act_of(kind: ActKind = ActKind.ORGANISATION_CREATE, **changes: Any) -> Act:  # noqa: ANN401 - any field
    """An act that is asked for now and can be signed for a day."""
    made = Act(
        act=UUID(int=7),
        kind=kind,
        asked_by=ASKER,
        organisation=SERVICE,
        details={name: FULL[name] for name in REQUIRED[kind]},
        asked_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    return msgspec.structs.replace(made, **changes)


def signer(who: Who, **changes: Any) -> Signer:  # noqa: ANN401 - any field
    """An officer of the service who may ask for and approve everything."""
    made = Signer(who=who, holder=f"holder of {who.account}", asks=frozenset(ActKind), approves=frozenset(ActKind))
    return msgspec.structs.replace(made, **changes)


def asked(signed: Signer | None = None, **changes: Any) -> list[Signer]:  # noqa: ANN401 - any field
    """Who has signed: the asker."""
    return [signed or signer(ASKER, **changes)]


# -- the bytes ----------------------------------------------------------------------------------------------------

# The examples of RFC 8785, §§ 3.2.2 and 3.2.3: literals and escapes, and names sorted as UTF-16.
LITERALS = '{"literals": [null, true, false], "string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/"}'
LITERALS_HEX = (
    "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c22737472696e67223a22"
    "e282ac245c75303030665c6e4127425c225c5c5c5c5c222f227d"
)
SORTED_NAMES = (
    '{"\\u20ac": "Euro Sign", "\\r": "Carriage Return", "\\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",'
    '"\\ud83d\\ude00": "Emoji: Grinning Face", "\\u0080": "Control", "\\u00f6": "Latin Small Letter O With Diaeresis"}'
)
ORDER = ["Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign"]
ORDER += ["Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh"]


def test_canonical_json_is_that_of_the_rfc() -> None:
    """The RFC's own examples come out to the byte, so that any other implementation verifies our signatures."""
    assert rfc8785.dumps(json.loads(LITERALS)).hex() == LITERALS_HEX
    assert list(json.loads(rfc8785.dumps(json.loads(SORTED_NAMES))).values()) == ORDER


def test_canonical_act_to_the_byte() -> None:
    """The signed bytes of one act, once and for all: a change of form would break every proof there is."""
    expected = (
        b'{"act":"00000000-0000-0000-0000-000000000007","asked_at":"2026-03-02T09:30:00.000000Z",'
        b'"asked_by":{"account":"00000000-0000-0000-0000-00000000000b","segment":"59"},"details":{"name":"\xc3\x89toile"},'
        b'"expires_at":"2026-03-03T09:30:00.000000Z","format":"cloison-act-1","kind":"organisation.create",'
        b'"organisation":"00000000-0000-0000-0000-000000000001"}'
    )
    act = act_of(details={"name": "Étoile"})
    assert canonical(act) == expected
    assert challenge(act) == hashlib.sha256(expected).digest()


def test_act_is_the_same_in_any_zone_and_order() -> None:
    """Where the clock hangs and in which order details were typed changes nothing."""
    act = act_of(details={"name": "A", "x": {"b": 1, "a": 2}})
    other = msgspec.structs.replace(
        act, details={"x": {"a": 2, "b": 1}, "name": "A"}, asked_at=NOW.astimezone(timezone(timedelta(hours=2)))
    )
    assert canonical(act) == canonical(other)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(details=st.dictionaries(st.text(), VALUES, max_size=4), microsecond=st.integers(0, 999_999))
def test_act_is_read_back_as_it_was_signed(details: dict[str, Any], microsecond: int) -> None:
    """Whatever the details, the bytes hold all of the act."""
    act = act_of(details={"name": "A", **details}, asked_at=NOW.replace(microsecond=microsecond))
    assert read_act(canonical(act)) == act


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_byte_of_an_act_can_change(position: int, flip: int) -> None:
    """Bytes with one byte changed are either no act, or another act with another challenge."""
    written = bytearray(canonical(act_of(ActKind.GRANT_BULK)))
    original = bytes(written)
    written[position % len(written)] ^= flip
    try:
        read = read_act(bytes(written))
    except ValueError:
        return
    assert challenge(read) == hashlib.sha256(bytes(written)).digest() != hashlib.sha256(original).digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + b" ",
        lambda text: text.replace(b'"act":', b'"act": ', 1),
        lambda text: text.replace(b"{", b'{"kind":"feed.open",', 1),  # two kinds: readers would choose differently
        lambda text: text.replace(b"cloison-act-1", b"cloison-act-2"),
        lambda text: text.replace(b"organisation.create", b"organisation.destroy"),
        lambda text: text.replace(b'"some name"', b'"some\\u0020name"'),
        lambda text: text.replace(b'"some name"', b"1.0"),
        lambda text: text.replace(b"09:30:00.000000Z", b"09:30:00Z"),
        lambda text: text.replace(b'"name":', b'"names":'),
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b"[" * 100_000,
        lambda _: b"\xff",
    ],
)
def test_bytes_in_another_form_are_no_act(change: Any) -> None:  # noqa: ANN401 - a function of bytes
    """The same act written otherwise, or something like it, has no signature."""
    written = canonical(act_of())
    assert read_act(written) == act_of()
    with pytest.raises(ValueError, match=r"."):
        read_act(change(written))


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, b"bytes", {1: "a"}, {"a"}, "\ud800", NOW, UUID(int=1)], ids=repr
)
def test_values_that_two_readers_could_read_differently_are_not_signed(value: object) -> None:
    """Fractions, numbers beyond 2^53, halves of characters and what is not JSON have no canonical bytes."""
    with pytest.raises(ValueError, match=r"."):
        canonical(act_of(details={"name": value}))


def test_act_has_bounds() -> None:
    """An act that nobody could read on a page is not signed; nor one without a zone, nor one nested without end."""
    nested: Any = "x"
    for _ in range(20):
        nested = [nested]
    for act in (
        act_of(details={"name": "x" * MAX_BYTES}),
        act_of(details={"name": nested}),
        act_of(asked_at=NOW.replace(tzinfo=None)),
    ):
        with pytest.raises(ValueError, match=r"."):
            canonical(act)


@pytest.mark.parametrize("kind", ActKind)
def test_act_that_cannot_be_shown_cannot_be_signed(kind: ActKind) -> None:
    """Each kind names the details that its sentence needs, and has no bytes without any one of them."""
    assert read_act(canonical(act_of(kind))).kind is kind
    for name in REQUIRED[kind]:
        details = {each: FULL[each] for each in REQUIRED[kind] if each != name}
        with pytest.raises(ValueError, match=name):
            canonical(act_of(kind, details=details))


# -- how many, and who --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "added", "needed"),
    [
        (ActKind.ACCOUNT_CREATE, 80, Needed(2, 0)),
        (ActKind.ACCOUNT_CREATE, 100, Needed(2, 0)),
        (ActKind.ACCOUNT_CREATE, 101, Needed(3, 86_400)),
        (ActKind.PROTECTION_LIFT, None, Needed(3, 86_400)),
        (ActKind.AGREEMENT_END, None, Needed(2, 0)),
        (ActKind.AGREEMENT_END, 10**9, Needed(2, 0)),
        (ActKind.ACCOUNT_RECOVER, -5, Needed(2, 0)),
    ],
)
def test_large_acts_take_a_third_person_and_a_day(kind: ActKind, added: int | None, needed: Needed) -> None:
    """Above the threshold, or where nobody knows, three and 24 hours; what only takes rights away never waits."""
    assert signatures_needed(kind, added, 100) == needed


def test_asker_then_another_person() -> None:
    """The plain course: whoever asks signs, then somebody else does, then a third may."""
    act = act_of()
    assert may_sign(act, signer(ASKER), [], NOW) is None
    assert may_sign(act, signer(SECOND), asked(), NOW) is None
    assert may_sign(act, signer(THIRD), [*asked(), signer(SECOND)], NOW) is None


def test_self_approval_is_refused() -> None:
    """Whoever asks does not sign a second time."""
    assert may_sign(act_of(), signer(ASKER), asked(), NOW) is Refusal.SAME_ACCOUNT


def test_approval_by_a_second_account_of_one_person_is_refused() -> None:
    """Two accounts of one holder are one person, whichever of them asked."""
    same = signer(SECOND, holder=signer(ASKER).holder)
    assert may_sign(act_of(), same, asked(), NOW) is Refusal.SAME_HOLDER


@pytest.mark.parametrize("holder", [None, ""])
def test_account_of_nobody_in_particular_signs_nothing(holder: str | None) -> None:
    """Whose account it is must be known, or it could be the asker's."""
    assert may_sign(act_of(), signer(SECOND, holder=holder), asked(), NOW) is Refusal.HOLDER_UNKNOWN


@pytest.mark.parametrize("state", [State.CLOSED, State.FROZEN])
def test_approval_by_a_closed_or_frozen_account_is_refused(state: State) -> None:
    """A leaver's account approves nothing, and asks for nothing."""
    assert may_sign(act_of(), signer(SECOND, state=state), asked(), NOW) is Refusal.NOT_OPEN
    assert may_sign(act_of(), signer(ASKER, state=state), [], NOW) is Refusal.NOT_OPEN


def test_approval_before_the_asker_is_refused() -> None:
    """An act that its asker never signed is nobody's: a captured door could have made it up in their name."""
    assert may_sign(act_of(), signer(SECOND), [], NOW) is Refusal.ASKER_FIRST
    assert may_sign(act_of(), signer(THIRD), [signer(SECOND)], NOW) is Refusal.ASKER_FIRST


def test_operators_act_takes_two_officers() -> None:
    """The operator has no account: two people who may approve sign, and not one of them twice."""
    act = act_of(asked_by=None)
    assert may_sign(act, signer(SECOND), [], NOW) is None
    assert may_sign(act, signer(SECOND), [signer(SECOND)], NOW) is Refusal.SAME_ACCOUNT
    assert may_sign(act, signer(THIRD), [signer(SECOND)], NOW) is None
    assert may_sign(act, signer(SECOND, approves=()), [], NOW) is Refusal.RIGHT


@pytest.mark.parametrize(
    ("moment", "refusal"),
    [
        (NOW, None),
        (NOW - timedelta(seconds=1), Refusal.EXPIRED),
        (NOW + timedelta(days=1), Refusal.EXPIRED),
        (NOW + timedelta(days=1, seconds=-1), None),
    ],
)
def test_act_can_be_signed_in_its_time_only(moment: datetime, refusal: Refusal | None) -> None:
    """An act that lay about is asked for anew."""
    assert may_sign(act_of(), signer(SECOND), asked(), moment) is refusal


def test_right_to_ask_is_no_right_to_approve() -> None:
    """A role asks for some kinds of act and approves others."""
    act = act_of(ActKind.FEED_OPEN)
    assert may_sign(act, signer(SECOND, approves={ActKind.STAFF_IMPORT}), asked(), NOW) is Refusal.RIGHT
    assert may_sign(act, signer(ASKER, asks=()), [], NOW) is Refusal.RIGHT


def test_organisation_out_of_scope_is_refused() -> None:
    """A partner's manager asks for their own organisation only."""
    manager = signer(ASKER, organisations={PARTNER}, of_service=False)
    assert may_sign(act_of(organisation=SERVICE), manager, [], NOW) is Refusal.ORGANISATION
    assert may_sign(act_of(organisation=PARTNER), manager, [], NOW) is None


@pytest.mark.parametrize("kind", sorted(ACCOUNTS))
def test_hijacked_partner_creates_no_account(kind: ActKind) -> None:
    """Two managers of one partner cannot make, elevate or recover an account: the second is of the service."""
    act = act_of(kind, organisation=PARTNER)
    first = signer(ASKER, organisations={PARTNER}, of_service=False)
    second = signer(SECOND, organisations={PARTNER}, of_service=False)
    assert may_sign(act, first, [], NOW) is None
    assert may_sign(act, second, [first], NOW) is Refusal.PARTNER
    assert may_sign(act, signer(SECOND), [first], NOW) is None


def test_nobody_approves_their_own_elevation() -> None:
    """The account concerned does not sign, nor does another account of its holder."""
    details = {**FULL, "account": str(SECOND.account)}
    act = act_of(ActKind.ACCOUNT_ELEVATE, details=details)
    assert may_sign(act, signer(SECOND), asked(), NOW) is Refusal.CONCERNED
    own = signer(THIRD, holder="holder of the elevated one")
    assert may_sign(act, own, asked(), NOW, concerned={"holder of the elevated one"}) is Refusal.CONCERNED


def test_bulk_reading_is_executed_by_neither_signer() -> None:
    """Whoever will hold the export neither asks for it nor approves it."""
    for who, earlier in ((ASKER, []), (SECOND, asked())):
        act = act_of(ActKind.GRANT_BULK, details={**FULL, "executor": str(who.account)})
        assert may_sign(act, signer(who), earlier, NOW) is Refusal.EXECUTOR


# -- for people ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("kind", ActKind)
def test_everything_signed_is_shown(kind: ActKind, language: str) -> None:
    """Each detail stands in the sentence or below it, in each language."""
    act = act_of(kind, details={**{name: FULL[name] for name in REQUIRED[kind]}, "more": ["one", {"two": 3}]})
    told = shown(act, Around("demo.officer", "Office", 120, Needed(3, 86_400)), language)
    text = "\n".join([told.what, *told.lines])
    assert [name for name in REQUIRED[kind] if FULL[name] not in told.what] == []
    for each in ("more: one, two = 3", "demo.officer", "Office", "120", "24", "2026-03-03 09:30"):
        assert each in text


def test_languages_say_the_same() -> None:
    """French and English have the same sentences with the same details."""
    for kind in ActKind:
        said = {language: shown(act_of(kind), Around(None, "x", 0, Needed(2, 0)), language) for language in SENTENCES}
        assert len({told.what for told in said.values()}) == len(SENTENCES)
        assert len({len(told.lines) for told in said.values()}) == 1
    assert AROUND["fr"].keys() == AROUND["en"].keys()


def test_unknown_figure_is_said() -> None:
    """Where nobody knows what an act adds, the page says so rather than 0; another language gets English."""
    told = shown(act_of(), Around(None, "Office", None, Needed(3, 86_400)), "de")
    assert "Nobody knows how many people it adds to those who can be taken in a day." in told.lines
    assert "the operator of the machine" in told.lines[0]


def test_details_cannot_play_with_the_page() -> None:
    """A reason that turns the direction of writing, or brings lines of its own, shows what it is made of."""
    reason = "for \u202egnihton\u202c\nIt adds nobody.\u200b{handle}"
    act = act_of(ActKind.AGREEMENT_END, details={"reason": reason})
    told = shown(act, Around("a\u2028b", "Office", 1, Needed(2, 0)), "en")
    assert "for <202E>gnihton<202C><000A>It adds nobody.<200B>{handle}" in told.what
    assert "a<2028>b" in told.lines[0]


def test_act_that_lacks_a_detail_is_not_shown() -> None:
    """What cannot be said is not asked for."""
    with pytest.raises(ValueError, match="lacks"):
        shown(act_of(details={}), Around(None, "Office", 1, Needed(2, 0)), "en")


# -- habits -------------------------------------------------------------------------------------------------------


def honest(people: int, acts: int, seed: int, refusals: float = 0.1) -> list[Decision]:
    """A house where whoever is there approves, each as likely as the next."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    names = [f"p{number}" for number in range(people)]
    pairs = [chance.sample(names, 2) for _ in range(acts)]
    return [Decision(asker, approver, chance.random() >= refusals) for asker, approver in pairs]


def test_pair_that_approves_each_other_in_a_large_house_is_shown() -> None:
    """Ten of each other's acts among hundreds of honest ones, where chance explains one or two."""
    pair = [Decision("p1", "p2", approved=True), Decision("p2", "p1", approved=True)] * 10
    found = suspicious_pairs(honest(20, 600, 1) + pair)
    assert [(each.first, each.second) for each in found.pairs] == [("p1", "p2")]
    assert found.pairs[0].by_first >= 10 <= found.pairs[0].by_second
    assert found.pairs[0].surprise > 4


def test_closed_pair_is_shown_and_three_acts_are_none() -> None:
    """Two who only ever sign for each other are shown from the fourth act on, though no statistic is surprised."""
    both = [Decision("a", "b", approved=True), Decision("b", "a", approved=True)]
    assert suspicious_pairs(both * 3).pairs == []
    assert [each.closed for each in suspicious_pairs(both * 4).pairs] == [True]


def test_one_busy_approver_is_no_pair() -> None:
    """An officer who approves everybody's acts, and whose own go to everybody, is no habit of two."""
    acts = [Decision(f"p{number % 9}", "officer", approved=True) for number in range(90)]
    acts += [Decision("officer", f"p{number % 9}", approved=True) for number in range(18)]
    assert suspicious_pairs(acts).pairs == []


def test_favourite_in_one_direction_is_no_pair() -> None:
    """Somebody who always asks the same colleague, who rarely asks them, is not one of two who cover each other."""
    acts = honest(20, 600, 1) + [Decision("p1", "p2", approved=True)] * 20
    acts.append(Decision("p2", "p1", approved=True))
    assert suspicious_pairs(acts).pairs == []


def test_honest_houses_are_left_alone() -> None:
    """In 100 houses of honest people at most a handful of pairs are shown, as the rule promises about one."""
    shown_pairs = sum(len(suspicious_pairs(honest(12, 400, seed)).pairs) for seed in range(100))
    assert shown_pairs <= 4


def test_approver_who_never_refuses_is_shown() -> None:
    """Where others refuse one act in five, forty approvals in a row are no chance; nor are thirty anywhere."""
    acts = honest(8, 300, 3, refusals=0.2) + [Decision("p0", "yes", approved=True)] * 40
    assert [each.approver for each in suspicious_pairs(acts).never_refusing] == ["yes"]
    alone = [Decision("a", "b", approved=True)] * 30
    assert [each.decisions for each in suspicious_pairs(alone).never_refusing] == [30]
    assert suspicious_pairs(alone[:29]).never_refusing == []


def test_nothing_signed_is_nothing_shown() -> None:
    """No decisions, no habits."""
    found = suspicious_pairs([])
    assert (found.pairs, found.never_refusing) == ([], [])
