"""Errors as RFC 9457 problems: complete, translated, and silent about what was sent."""

import re
from string import Formatter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotAuthorizedException,
    NotFoundException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from cloison import errors
from cloison.errors import (
    CloisonError,
    KeeperCeilingError,
    KeeperUnavailableError,
    MalformedRequestError,
    NoSessionError,
    OverloadedError,
    TooLargeError,
)
from cloison.web import problems
from cloison.web.language import chosen, translate

CLASSES = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, CloisonError)]
# What a door may answer: the caller's faults, what is down, and what a record's own unsealing can say.
SHOWN = [found for found in CLASSES if found.status != 500 or found.code in {"internal", "tampered_row"}]
COMMAND_LINE = {
    *("unknown_account", "unknown_organisation", "agreement", "import_file", "desk_unavailable"),
    *("unknown_act", "no_service", "unknown_client", "forward", "no_proof"),
}
NAMES = frozenset({"requests", "person", "purpose", "email"})
SECRET = "Dupont 1990-01-01"


def filled(kind: type[CloisonError]) -> CloisonError:
    """An error of this class, whatever its message needs."""
    names = {name for _, name, _, _ in Formatter().parse(kind.__doc__ or "") if name}
    return kind(**dict.fromkeys(names, 7))


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One item of a body."""

    person: int
    purpose: str = ""


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A body with a list in it."""

    requests: list[Item]
    email: str = ""


def malformed_path(body: bytes) -> object:
    """Where the problem of a body that cannot be read says it is wrong."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)) as raised:
        msgspec.json.decode(body, type=Body)
    return problems.malformed(raised.value, NAMES).fields["path"]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_a_whole_problem(kind: type[CloisonError]) -> None:
    """Type, title, status, detail and code are there for each class of errors.py, and lead back to it."""
    error = filled(kind)
    problem = problems.problem_of(error, "en")
    assert problem.type == f"urn:cloison:problem:{kind.code}"
    assert (problem.code, problem.status, problem.detail) == (kind.code, kind.status, str(error))
    assert problem.title
    assert not re.search(r"[{}]", problem.detail)
    assert type(errors.received(problem.code, problem.detail)) is kind


def test_codes_are_unique() -> None:
    """A code means one thing: clients choose by it."""
    codes = [kind.code for kind in CLASSES]
    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("kind", [k for k in SHOWN if k.code not in COMMAND_LINE], ids=lambda kind: kind.__name__)
def test_what_a_door_says_is_translated(kind: type[CloisonError]) -> None:
    """Title and sentence have French of their own, which fills the same braces."""
    error = filled(kind)
    problem = problems.problem_of(error, "fr")
    assert problem.title != problems.title_of(error)
    assert problem.detail != str(error)
    french = translate(error.template, "fr")
    assert sorted(re.findall(r"\{\w+\}", french)) == sorted(re.findall(r"\{\w+\}", error.template))


@pytest.mark.parametrize(
    ("exception", "code", "status"),
    [
        (NotFoundException(detail=SECRET), "not_found", 404),
        (MethodNotAllowedException(detail=SECRET), "method_not_allowed", 405),
        (RequestEntityTooLarge(detail=SECRET), "too_large", 413),
        (NotAuthorizedException(detail=SECRET), "no_session", 401),
        (ClientException(detail=SECRET), "malformed_request", 400),
        (ValidationException(detail=SECRET, extra=[{"message": SECRET, "key": "after"}]), "malformed_request", 400),
        (InternalServerException(detail=SECRET), "internal", 500),
        (HTTPException(detail=SECRET, status_code=418), "internal", 500),
        (ValueError(SECRET), "internal", 500),
        (KeyError(SECRET), "internal", 500),
    ],
)
def test_others_errors_become_ours_without_their_text(exception: Exception, code: str, status: int) -> None:
    """Whatever a library raises is one of our problems, and its message stays inside."""
    error = problems.error_of(exception, 65_536)
    body = msgspec.json.encode(problems.problem_of(error, "en")).decode()
    assert (error.code, error.status) == (code, status)
    assert SECRET not in body


def test_our_errors_stay_what_they_are() -> None:
    """An error of ours passes through unchanged."""
    error = NoSessionError()
    assert problems.error_of(error, 0) is error
    assert problems.problem_of(TooLargeError(limit="64 requests a call"), "en").detail.startswith(
        "The request is larger"
    )


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ([{"message": "x", "key": "after", "source": "query"}], "after"),
        ([{"message": "x", "key": "data"}], "$"),
        ([{"message": "x"}], "$"),
        ([], "$"),
        (None, "$"),
        ({"key": "after"}, "$"),
    ],
)
def test_parameter_is_named(extra: object, path: str) -> None:
    """A parameter that Litestar could not read is named; where it does not say which, the request is."""
    error = problems.error_of(ValidationException(extra=extra), 0)  # type: ignore[arg-type]
    assert error.fields["path"] == path


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"requests": [{"person": "x"}]}', "$.requests[0].person"),
        (b'{"requests": [{"person": 1}, {"person": 1, "purpose": 2}]}', "$.requests[1].purpose"),
        (b'{"requests": [{"person": 1, "Dupont": 2}]}', "$.requests[0]"),
        (b'{"requests": 3}', "$.requests"),
        (b'{"requests": [], "Dupont": 1}', "$"),
        (b'{"requests": [], "a - at `$.dupont": 1}', "$"),
        (b'{"requests": [], "a - at `$.email[1990]": 1}', "$.email[1990]"),
        (b'{"requests": [], "a - at `$.email[19900101]": 1}', "$"),
        (b'{"requests"', "$"),
        (b'{"requests": [], "email": "\xff"}', "$"),
        (b"", "$"),
    ],
)
def test_malformed_json_is_placed(body: bytes, path: str) -> None:
    """The path of what is wrong is kept; an invented one is not, beyond names and small numbers that we know."""
    assert malformed_path(body) == path


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_unknown_names_are_never_echoed(name: str) -> None:
    """Whatever the unknown name is, the path is made of names of ours and numbers of at most four digits."""
    body = msgspec.json.encode({"requests": [], name + "!": 1})
    assert re.fullmatch(r"\$(\.(requests|person|purpose|email)|\[\d{1,4}\]|\[\.\.\.\])*", str(malformed_path(body)))


def test_who_must_wait_is_told_how_long() -> None:
    """503 and 429 carry seconds, the error's own where it has some; nothing else does."""
    assert problems.retry_after(OverloadedError(retry_after_seconds=3)) == 3
    assert problems.retry_after(KeeperCeilingError(ceiling="x", retry_after_seconds=40)) == 40
    assert problems.retry_after(KeeperUnavailableError(reason="x")) == problems.RETRY_SECONDS
    assert problems.retry_after(MalformedRequestError(path="$")) is None


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("FR-fr", "fr"),
        ("en", "en"),
        ("de, fr;q=0.3", "fr"),
        ("fr;q=0.2, en;q=0.8", "en"),
        ("en;q=0.2, fr-CA;q=0.8", "fr"),
        ("fr;q=0", "en"),
        ("fr;q=x", "en"),
        ("fr;q=nan", "en"),
        ("*", "en"),
        (",;q=,;;", "en"),
        ("de," * 5_000 + "fr", "en"),
    ],
)
def test_language_is_chosen_by_weight(header: str | None, language: str) -> None:
    """The best-liked language of ours wins; English where the header says nothing that can be read."""
    assert chosen(header) == language


def test_received_errors_keep_sentence_and_fields() -> None:
    """A client raises the class of the code with the desk's own sentence; an unknown code is the plain error."""
    error = errors.received("no_session", "Pas de session.", path="$")
    assert (type(error), str(error), error.fields) == (NoSessionError, "Pas de session.", {"path": "$"})
    assert type(errors.received("of_a_newer_version", "…")) is CloisonError
