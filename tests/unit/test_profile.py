"""Profiles: what the bundled one says, and what is refused."""

from pathlib import Path

import pytest

from cloison.errors import ProfileError
from cloison.model import Meter, Relation
from cloison.register.profile import FieldType, Normalisation, Role, SegmentBy, load_profile, relation_mask

PATIENTS = Path(__file__).parent / "patients.toml"
COLUMNS = [
    "identifier", "sex", "birth_name", "usage_name", "first_names", "birth_date", "birth_place",
    "address", "postcode", "commune", "city", "email", "phone",
    "nir",
    "category", "registered_on", "ended_on", "space_used_on", "adapted_follow_up", "deceased_on",
]  # fmt: skip


def changed(tmp_path: Path, old: str, new: str) -> str:
    """The patients' profile with one text replaced, as a file."""
    text = PATIENTS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "changed.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


def test_the_bundled_profile_has_the_designs_columns_and_compartments() -> None:
    """The profile has the columns of the design, in four compartments and the label."""
    profile = load_profile("jobseekers-fr")
    assert list(profile.fields) == COLUMNS
    assert profile.compartments == ("identity", "contact", "nir", "situation", "label")
    assert profile.label_bit == 16
    assert profile.mask(("nir", "identity")) == 0b101
    assert profile.segment.rule is SegmentBy.INSEE_DEPARTMENT
    assert profile.locators == ("nir", "identifier")


@pytest.mark.parametrize(
    ("role", "opened", "walk_in"),
    [
        ("adviser", (30, 80, 600), (3, 10, 60)),
        ("partner", (20, 60, 400), None),
        ("reception", (20, 60, 600), (20, 60, 600)),
        ("benefits", (20, 80, 800), (5, 20, 120)),
        ("manager", (10, 30, 200), None),
    ],
)
def test_budgets_are_the_designs(role: str, opened: tuple[int, int, int], walk_in: tuple[int, int, int] | None) -> None:
    """Each role starts with the budgets of the design's table."""
    found = load_profile("jobseekers-fr").roles[role]
    assert found.budgets["open"] == opened
    assert found.budgets.get("walk_in") == walk_in
    assert ("walk_in" in found.relations) is (walk_in is not None)


@pytest.mark.parametrize("role", ["officer", "dpo", "hotline"])
def test_those_who_manage_cases_open_nobody(role: str) -> None:
    """Officer, DPO and hotline have no relation, no compartment and no budget."""
    found = load_profile("jobseekers-fr").roles[role]
    assert found == Role(permissions=found.permissions)


def test_only_the_roles_that_need_the_nir_have_it_and_advisers_touch_for_it() -> None:
    """The NIR is for advisers with a touch, and for benefits."""
    roles = load_profile("jobseekers-fr").roles
    assert {name for name, role in roles.items() if "nir" in role.compartments} == {"adviser", "benefits"}
    assert roles["adviser"].touch == ("nir",)


def test_a_nir_is_searched_with_the_birth_date_and_its_guesses_share_a_budget() -> None:
    """The search by NIR hashes and needs the birth date; its misses are grouped by ten characters and that date."""
    (nir,) = load_profile("jobseekers-fr").searches_named("nir")
    assert nir.fields == {"nir": Normalisation.EXACT, "birth_date": Normalisation.EXACT}
    assert nir.needs == ("birth_date",)
    assert nir.group == {"nir": 10, "birth_date": 0}
    assert nir.walk_in


def test_no_search_is_by_a_name_alone() -> None:
    """Whatever hashes a name needs the birth date too."""
    for search in load_profile("jobseekers-fr").searches:
        if "birth_name" in search.fields:
            assert "birth_date" in search.fields
            assert "birth_date" in search.needs


def test_the_patients_profile_loads() -> None:
    """A profile of another kind of register, from a path, with other words throughout."""
    profile = load_profile(str(PATIENTS))
    assert profile.label_bit == 4
    assert profile.purpose_mask(("billing", "care")) == 3
    assert profile.fields["born"].type is FieldType.DATE


def test_relations_and_meters_are_the_models() -> None:
    """Names of relations become the model's bits, and every budget is a meter of the model."""
    assert relation_mask(("caseload", "walk_in")) == 1 << Relation.CASELOAD | 1 << Relation.WALK_IN
    for role in load_profile("jobseekers-fr").roles.values():
        assert set(role.budgets) <= {meter.name.lower() for meter in Meter}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('compartments = ["civil", "care", "label"]\npurposes', 'compartments = ["civil", "care"]\npurposes', "label"),
        ('["civil", "care", "label"]\npurposes', '["care", "care", "label"]\npurposes', "a name twice"),
        ('compartment = "care", required', 'compartment = "label", required', "no compartment of its own"),
        ('field = "site"', 'field = "ward"', "there is no field ward"),
        ("slot = 1", "slot = 2", "slots"),
        ("slot = 1", "slot = 3", "slot 3 alone has no index"),
        ("slot = 1", "slot = 9", "slots"),
        ("slot = 1", "slot = 1\nproof_slot = 8", "there is no slot 8"),
        ('{ record_number = "exact" }', "{}", "must hash 1 to 3 fields"),
        ('relations = ["caseload"]', 'relations = ["friend"]', "unknown relation friend"),
        ('touch = ["care"]', 'touch = ["civil", "x"]', "touch"),
        ('purposes = ["care"]', 'purposes = ["marketing"]', "unknown purpose marketing"),
        ("open = [12, 40, 200]", "browse = [12, 40, 200]", "unknown meter browse"),
        ("open = [12, 40, 200]", "open = [12, 11, 200]", "must grow"),
        ("open = [12, 40, 200]", "open = [-1, 40, 200]", "must grow"),
        ("months = 240, ceiling_months = 360 }", "months = 361, ceiling_months = 360 }", "1 to 360 months"),
        ('from_field = "closed_on"', 'from_field = "surname"', "must count from a date"),
        ('choices = ["open", "closed"]', 'choices = ["open"]', "exactly the categories"),
        ('locators = ["record_number"]', "locators = []", "one of the locators"),
        ('locators = ["record_number"]', 'locators = ["given_name"]', "one of the locators"),
        ("max_length = 20", "max_length = 200", "at most 128 characters"),
        ("min_length = 4", "min_length = 40", "min_length <= max_length"),
        ('{ type = "text", compartment = "civil" }\nnickname', '{ type = "choice", compartment = "civil" }\nnickname',
         "choices belong"),
        ('nickname = { type = "text"', 'nickname = { type = "text", max_length = 9000', "longer than"),
        ('nickname = { type = "text"', 'nickname = { type = "poem"', "poem"),
        ('name = "patients"', 'name = "patients"\ncolour = "blue"', "colour"),
        ('name = "patients"', "name = ", "changed.toml"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_hold_together_is_refused_with_the_reason(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    """Each rule refuses a profile that breaks it, and says which."""
    with pytest.raises(ProfileError, match=told):
        load_profile(changed(tmp_path, old, new))


@pytest.mark.parametrize("name", ["nobody", "../profiles/jobseekers-fr", "jobseekers-fr.toml", "/"])
def test_a_profile_that_is_not_there_is_an_error_with_a_name(name: str) -> None:
    """A name that is no bundled profile and no file raises ProfileError; a path never reaches into the package."""
    with pytest.raises(ProfileError):
        load_profile(name)
