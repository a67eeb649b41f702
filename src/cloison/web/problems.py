"""The one place that turns an error into an HTTP answer, as RFC 9457 has it.

The rules:

1. Whatever is raised becomes an error of `errors.py`; what is none of ours becomes `internal`, and its text is not
   shown: it could hold a value of the request or of a record.
2. Of a request that cannot be read the answer says *where* (`$.requests[3].purpose`), never what stood there. msgspec's
   messages quote values and unknown names, so that nothing of them is used but a path made of names we know.
3. `title` and `detail` are translated, `type` and `code` never are.
4. Whoever must wait is told how long, in `retry_after` and in the header.
"""

import logging
import re
import traceback
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.status_codes import HTTP_401_UNAUTHORIZED, HTTP_429_TOO_MANY_REQUESTS, HTTP_503_SERVICE_UNAVAILABLE

from cloison.client.wire import Problem
from cloison.errors import (
    BadRequestError,
    ClientRefusedError,
    CloisonError,
    MalformedRequestError,
    MethodNotAllowedError,
    NoClientError,
    NoFeedError,
    NoSessionError,
    NotFoundError,
    ProofError,
    ProofNonceError,
    TooLargeError,
)
from cloison.web.language import chosen, translate

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:cloison:problem:"
RETRY_SECONDS = 5  # where the error does not say
ROOT = "$"
SHOWN = ("secret", "bearer")  # of the token that the guard took: `presence.py` looks whether it was copied
CHALLENGES: dict[type[CloisonError], str] = {  # RFC 9449, section 7.1
    NoSessionError: 'DPoP algs="ES256"',
    ProofError: 'DPoP error="invalid_dpop_proof", algs="ES256"',
    ProofNonceError: 'DPoP error="use_dpop_nonce", algs="ES256"',
    NoFeedError: 'DPoP algs="ES256"',
    NoClientError: 'DPoP algs="ES256"',
    ClientRefusedError: 'DPoP algs="ES256"',
}

_log = logging.getLogger("cloison.web")
_PATH = re.compile(r" - at `(\$(?:\.[a-z0-9_]+|\[\d{1,4}\]|\[\.\.\.\])*)`\Z")
_NAME = re.compile(r"\.([a-z0-9_]+)")


def answer(request: Request[Any, Any, Any], exception: Exception) -> Response[Problem]:
    """The answer to a request that raised `exception`."""
    error = error_of(exception, request.app.state.get("request_bytes", 0))
    if type(error) is CloisonError and not isinstance(exception, HTTPException):
        _log_unexpected(exception)
    request.app.state.metrics.problems.labels(error.code).inc()
    shown = [request.scope["state"].get(name) for name in SHOWN]
    presence = request.app.state.get("presence")
    if isinstance(error, NoSessionError) and None not in shown and presence is not None:
        presence.unknown(*shown)
    language = chosen(request.headers.get("accept-language"))
    return Response(
        problem_of(error, language),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=headers_of(error, language) | _allowed(exception),
    )


def described(description: str) -> ResponseSpec:
    """A problem in the API's description: what it means where a route answers it."""
    return ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)


# what any route may answer, and any with a body
REFUSALS = {
    400: described("The request cannot be read; `path` says where it is wrong."),
    401: described("There is no valid session."),
    503: described("Something that is needed does not answer, or too much waits; Retry-After says when to come back."),
}
BODY_REFUSALS = {
    **REFUSALS,
    408: described("The request did not arrive in time."),
    413: described("The request is too large."),
}
CEILING_REFUSAL = {429: described("The keeper's own ceiling is reached.")}


def error_of(exception: Exception, request_bytes: int) -> CloisonError:
    """Rule 1: the error of ours that `exception` is; `request_bytes` is the limit that a request may have passed."""
    if isinstance(exception, CloisonError):
        return exception
    if isinstance(exception, ValidationException):
        return MalformedRequestError(path=_parameter(exception))
    if not isinstance(exception, HTTPException):
        return CloisonError()
    by_status: dict[int, CloisonError] = {
        400: MalformedRequestError(path=ROOT),
        401: NoSessionError(),
        404: NotFoundError(),
        405: MethodNotAllowedError(),
        413: TooLargeError(limit=f"{request_bytes} bytes"),
    }
    return by_status.get(exception.status_code, CloisonError())


def problem_of(error: CloisonError, language: str) -> Problem:
    """Rules 3 and 4: the body that says `error`."""
    path = error.fields.get("path")
    return Problem(
        type=TYPE + error.code,
        title=translate(title_of(error), language),
        status=error.status,
        detail=detail_of(error, language),
        code=error.code,
        path=path if isinstance(path, str) else None,
        retry_after=retry_after(error),
    )


def title_of(error: CloisonError) -> str:
    """A short name of the kind of problem, from its code: `no_session` is "No session"."""
    return error.code.replace("_", " ").capitalize()


def detail_of(error: CloisonError, language: str) -> str:
    """The error's sentence in `language`; reasons that are sentences of ours, too."""
    translated = translate(error.template, language)
    if translated == error.template:
        return str(error)
    said = {
        name: translate(each, language) if isinstance(each, str) and each else each
        for name, each in error.fields.items()
    }
    return translated.format(**said)


def retry_after(error: CloisonError) -> int | None:
    """Seconds after which it makes sense to ask again; None where it never does."""
    if error.status not in {HTTP_429_TOO_MANY_REQUESTS, HTTP_503_SERVICE_UNAVAILABLE}:
        return None
    seconds = error.fields.get("retry_after_seconds")
    return seconds if isinstance(seconds, int) else RETRY_SECONDS


def malformed(error: Exception, names: frozenset[str]) -> BadRequestError:
    """Rule 2: where a JSON body is wrong; a path with a name that is not in `names` is the sender's invention."""
    found = _PATH.search(str(error))
    known = found is not None and names.issuperset(_NAME.findall(found[1]))
    return MalformedRequestError(path=found[1] if found is not None and known else ROOT)


def _parameter(exception: ValidationException) -> str:
    """The name of the parameter that Litestar could not read: one of ours, as it ignores all others."""
    extra = exception.extra
    key = extra[0].get("key") if isinstance(extra, list) and extra and isinstance(extra[0], dict) else None
    return ROOT if key is None or key == "data" else str(key)


def headers_of(error: CloisonError, language: str) -> dict[str, str]:
    """The headers beside the body that says `error`."""
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    if error.status == HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGES.get(type(error), CHALLENGES[NoSessionError])
    seconds = retry_after(error)
    if seconds is not None:
        headers["Retry-After"] = str(seconds)
    return headers


def _allowed(exception: Exception) -> dict[str, str]:
    """Allow, of a 405."""
    return dict(exception.headers or {}) if isinstance(exception, HTTPException) else {}


def _log_unexpected(exception: Exception) -> None:
    """The kind and the place of what nobody foresaw; its text stays out of the log too."""
    trace = "".join(traceback.format_tb(exception.__traceback__))
    _log.error("unexpected %s\n%s", type(exception).__name__, trace)
