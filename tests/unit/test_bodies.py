"""Bodies are made of the profile's words: another profile gives other bodies."""

from uuid import uuid4

import msgspec
import pytest

from cloison.client.wire import OpenRequests, SearchRequest
from cloison.register.profile import Profile, load_profile
from cloison.web.bodies import open_requests, search_request


@pytest.fixture
def profile() -> Profile:
    """The bundled profile with other words."""
    bundled = load_profile("jobseekers-fr")
    return msgspec.structs.replace(
        bundled,
        compartments=("identity", "chart", "label"),
        purposes=("care",),
        searches=tuple(search for search in bundled.searches if search.name == "email"),
    )


def test_searches_take_the_facts_of_the_profile(profile: Profile) -> None:
    """A fact that no search of the profile takes is an unknown name."""
    body = search_request(profile)
    found = msgspec.json.decode(b'{"purpose": "care", "email": "a@example.org"}', type=body)
    assert (found.purpose, found.email, found.segment) == ("care", "a@example.org", None)  # type: ignore[attr-defined]
    assert issubclass(body, SearchRequest)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"purpose": "care", "nir": "x"}', type=body)


def test_openings_name_the_compartments_of_the_profile(profile: Profile) -> None:
    """A compartment or a purpose of another profile is refused."""
    body = open_requests(profile)
    item = {"request": str(uuid4()), "person": str(uuid4()), "compartments": ["chart"], "purpose": "care"}
    found = msgspec.convert({"requests": [item]}, type=body)
    assert isinstance(found, OpenRequests)
    assert found.requests[0].compartments == ["chart"]
    for change in ({"compartments": ["nir"]}, {"purpose": "benefits"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"requests": [{**item, **change}]}, type=body)


@pytest.mark.parametrize("segment", ["59", "2A", "971", "a_b-C", "x" * 16])
def test_segment_codes_are_taken(profile: Profile, segment: str) -> None:
    """Every code that the register can hold can be asked for."""
    found = msgspec.convert({"purpose": "care", "segment": segment}, type=search_request(profile))
    assert found.segment == segment


@pytest.mark.parametrize("segment", ["", "x" * 17, "5 9", "59\n", "\n59", "59\0", "é", "59;", "../59", "٥٩"])
def test_other_segments_are_refused(profile: Profile, segment: str) -> None:
    """Nothing that is no code reaches keeper or database, a line feed at the end included."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"purpose": "care", "segment": segment}, type=search_request(profile))
