"""No oracle: whether somebody out of reach exists shows neither in what the desk says nor in how long it takes."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import httpx
import numpy as np
import pytest
from support.api import PURPOSE, Api, calling, strangers, unbounded, wanted
from support.desk import Agent, RunningRegister
from support.withheld import protected

ROLE = "hotline"
TRIES = 200  # of each kind
SEARCHES = 120
WARM_UP = 20
# The share of pairs in which the one is slower than the other: 0.5 where the times say nothing. With 200 of each kind
# its standard error is 0.029, with 120 it is 0.037: these bounds are some four of them away, so that noise hardly
# ever fails the test, and a difference that a few hundred requests would show does.
SLOWER_SHARE = (0.35, 0.65)


@pytest.fixture
def patient(register: RunningRegister) -> Iterator[Agent]:
    """An account whose refusals have no end here, so that enough of them can be timed."""
    with unbounded(register.home, ROLE):
        yield register.agent(0, ROLE)


def timed(ask: Callable[[object], httpx.Response], kinds: dict[str, Sequence[object]]) -> dict[str, list[float]]:
    """The seconds of each request, the kinds interleaved at random: what changes meanwhile meets them alike."""
    order = [(kind, subject) for kind, subjects in kinds.items() for subject in subjects]
    random.shuffle(order)
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number, (kind, subject) in enumerate(order):
        begun = time.perf_counter()
        assert ask(subject).status_code == 200
        if number >= WARM_UP:
            seconds[kind].append(time.perf_counter() - begun)
    return seconds


def slower_share(one: Sequence[float], other: Sequence[float]) -> float:
    """How often the one is slower than the other, of all pairs: Mann and Whitney's U over its greatest value."""
    left, right = np.asarray(one)[:, None], np.asarray(other)[None, :]
    return float(np.mean((left > right) + 0.5 * (left == right)))


def comparable(answer: httpx.Response, request: str = "") -> tuple[object, ...]:
    """All that a caller sees of an answer but the date and the number that the caller gave."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, headers, answer.text.replace(request, "") if request else answer.text


def open_one(api: Api, person: object, **changes: object) -> tuple[object, ...]:
    """What comes back for one person."""
    asked = wanted(str(person), **changes)
    return comparable(api.post("/v1/people/open", {"requests": [asked]}), str(asked["request"]))


def test_out_of_reach_and_nobody_look_alike_when_opened(register: RunningRegister, patient: Agent) -> None:
    """Somebody of the segment, of another segment, and nobody: the same bytes, headers included."""
    (here,) = strangers(register.home, patient, 1)
    (there,) = strangers(register.home, patient, 1, "75")
    with calling(register, patient) as api:
        answers = [
            open_one(api, here),
            open_one(api, uuid4()),
            open_one(api, there),
            open_one(api, there, segment="75"),
            open_one(api, uuid4(), segment="75"),
            open_one(api, here, segment="75"),
            open_one(api, here, compartments=["identity", "nir"]),
            open_one(api, uuid4(), compartments=["identity", "nir"]),
        ]
    assert answers == [answers[0]] * len(answers)


def test_out_of_reach_and_nobody_look_alike_when_searched(register: RunningRegister, patient: Agent) -> None:
    """A search that finds somebody out of reach answers as one that finds nobody, in this segment and another."""
    searches = [
        {"identifier": register.people[-1]["identifier"]},
        {"identifier": "99999999999"},
        {"identifier": register.elsewhere[0]["identifier"]},
        {"identifier": register.elsewhere[0]["identifier"], "segment": "75"},
        {"identifier": "99999999999", "segment": "75"},
        {"email": register.people[-1]["email"] or "a@example.org"},
        {"email": "nobody@example.org"},
        {"birth_name": register.people[-1]["birth_name"], "birth_date": register.people[-1]["birth_date"]},
        {"birth_name": "Personne", "birth_date": "1990-01-01"},
    ]
    with calling(register, patient) as api:
        answers = [comparable(api.post("/v1/people/search", {"purpose": PURPOSE, **facts})) for facts in searches]
    assert answers == [answers[0]] * len(answers)


def test_time_tells_nothing_of_whom_is_opened(register: RunningRegister, patient: Agent) -> None:
    """Openings of people out of reach take as long as those of nobody."""
    kinds: dict[str, Sequence[object]] = {
        "there": strangers(register.home, patient, TRIES),
        "nobody": [uuid4() for _ in range(TRIES)],
    }
    with calling(register, patient) as api:
        seconds = timed(lambda person: api.post("/v1/people/open", {"requests": [wanted(str(person))]}), kinds)
    assert SLOWER_SHARE[0] < slower_share(seconds["there"], seconds["nobody"]) < SLOWER_SHARE[1]


def test_time_tells_nothing_of_whom_is_searched(register: RunningRegister, patient: Agent) -> None:
    """Searches that match somebody out of reach take as long as those that match nobody."""
    there = [row["identifier"] for row in register.people[:SEARCHES]]
    assert len(set(there)) == SEARCHES
    kinds: dict[str, Sequence[object]] = {
        "there": there,
        "nobody": [f"{98_000_000_000 + number}" for number in range(SEARCHES)],
    }
    with calling(register, patient) as api:
        seconds = timed(
            lambda value: api.post("/v1/people/search", {"identifier": str(value), "purpose": PURPOSE}), kinds
        )
    assert SLOWER_SHARE[0] < slower_share(seconds["there"], seconds["nobody"]) < SLOWER_SHARE[1]


def test_time_tells_nothing_of_whom_a_protection_withholds(register: RunningRegister) -> None:
    """Openings of people followed, and withheld by a protection, take as long as those of nobody."""
    with unbounded(register.home, ROLE):
        patient = register.agent(TRIES, ROLE)
    with unbounded(register.home, ROLE), protected(register.home, patient) as withheld:
        kinds: dict[str, Sequence[object]] = {"withheld": withheld, "nobody": [uuid4() for _ in withheld]}
        with calling(register, patient) as api:
            seconds = timed(lambda person: api.post("/v1/people/open", {"requests": [wanted(str(person))]}), kinds)
    assert SLOWER_SHARE[0] < slower_share(seconds["withheld"], seconds["nobody"]) < SLOWER_SHARE[1]


def test_time_tells_nothing_of_whom_no_search_finds(register: RunningRegister) -> None:
    """Searches that match somebody protected, whom the account follows, take as long as those that match nobody."""
    with unbounded(register.home, ROLE):
        patient = register.agent(SEARCHES, ROLE)
    kinds: dict[str, Sequence[object]] = {
        "protected": [row["identifier"] for row in patient.people],
        "nobody": [f"{97_000_000_000 + number}" for number in range(SEARCHES)],
    }
    with unbounded(register.home, ROLE), protected(register.home, patient), calling(register, patient) as api:
        seconds = timed(
            lambda value: api.post("/v1/people/search", {"identifier": str(value), "purpose": PURPOSE}), kinds
        )
    assert SLOWER_SHARE[0] < slower_share(seconds["protected"], seconds["nobody"]) < SLOWER_SHARE[1]
