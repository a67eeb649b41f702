"""Permissions are the same in code, document and profile, and each is `scope:resource:action`."""

import re
from pathlib import Path

import pytest

from cloison.errors import ProfileError
from cloison.model import Permission
from cloison.register.profile import load_profile, permission_mask

DOCUMENT = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
HEADINGS = {"role", "permission"}
SCOPES = {"related", "segment", "agency", "organisation", "service"}


def test_permissions_are_the_same_in_code_and_document() -> None:
    """What code knows and the document lacks would be a right that nobody was told of; the order is the mask's."""
    assert re.findall(r"^\| `([a-z_:]+)` \|", DOCUMENT, re.MULTILINE) == [*Permission]


@pytest.mark.parametrize("permission", Permission)
def test_a_permission_says_how_far_it_reaches(permission: Permission) -> None:
    """Three words: a known scope, what it is about, what may be done."""
    scope, resource, action = permission.split(":")
    assert scope in SCOPES
    assert re.fullmatch(r"[a-z_]+", resource)
    assert re.fullmatch(r"[a-z_]+", action)


def test_the_roles_of_the_profile_are_those_of_the_document() -> None:
    """Who reads the document knows what each role of the bundled profile may do."""
    rows = re.findall(r"^\| ([a-z]+) \| ?(.*?) ?\|$", DOCUMENT, re.MULTILINE)
    documented = {role: tuple(re.findall(r"`([^`]+)`", listed)) for role, listed in rows if role not in HEADINGS}
    profile = load_profile("jobseekers-fr")
    assert documented == {name: role.permissions for name, role in profile.roles.items()}


def test_a_mask_has_a_bit_a_permission() -> None:
    """The place in the list is the bit, so that a permission appended later changes no role that there is."""
    assert permission_mask((Permission.CREATE, Permission.ADMIT, Permission.CREATE)) == 1 | 1 << 9
    assert permission_mask(tuple(Permission)) == 2 ** len(Permission) - 1


def test_a_profile_with_another_permission_is_refused(tmp_path: Path) -> None:
    """Misspelt, a permission would be one that nobody has, and nobody would know why."""
    bundled = Path(__file__).parents[2] / "src/cloison/register/profiles/jobseekers-fr.toml"
    written = bundled.read_text(encoding="utf-8").replace("agency:cover:ask", "agency:cover:any")
    (tmp_path / "profile.toml").write_text(written, encoding="utf-8")
    with pytest.raises(ProfileError, match="unknown permission agency:cover:any"):
        load_profile(str(tmp_path / "profile.toml"))
