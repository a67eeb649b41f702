"""What a door answered: the type that was wanted, or the error that it describes."""

from typing import TypeVar

import httpx
import msgspec

from cloison.client.wire import Problem
from cloison.errors import CloisonError, DeskUnavailableError, received

PROBLEM = "application/problem+json"

Answer = TypeVar("Answer")


def decoded(answer: httpx.Response, wanted: type[Answer]) -> Answer:
    """The answer's body; raises DeskUnavailableError where it is something else."""
    try:
        return msgspec.json.decode(answer.content, type=wanted)
    except msgspec.DecodeError as error:
        raise DeskUnavailableError(reason="what answers is no desk") from error


def refusal(answer: httpx.Response) -> CloisonError:
    """The error that the desk describes; something before the desk, such as a proxy, speaks otherwise."""
    if not answer.headers.get("content-type", "").startswith(PROBLEM):
        return DeskUnavailableError(reason=f"HTTP {answer.status_code} without a problem")
    problem = decoded(answer, Problem)
    details = {"path": problem.path, "retry_after_seconds": problem.retry_after}
    return received(problem.code, problem.detail, **{k: v for k, v in details.items() if v is not None})
