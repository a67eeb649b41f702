"""The API of one-time codes for people at the counter."""

from uuid import UUID

from litestar import post

from cloison.client.wire import CodeConfirmed, CodeGiven, CodeRequest, CodeSent
from cloison.intake.codes import Codes
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer
from cloison.web.language import chosen


@post("/people/{person:uuid}/code", status_code=200)
async def send_code(request: DeskRequest, person: UUID, data: CodeRequest) -> CodeSent:
    """For half an hour after a search with both facts: a code to the address in the record, which is not shown."""
    language = chosen(request.headers.get("accept-language"))
    sent = await codes_of(request).send(bearer(request), person, data.channel, language)
    return CodeSent(*sent)


@post("/people/{person:uuid}/code/confirm", status_code=200)
async def confirm_code(request: DeskRequest, person: UUID, data: CodeGiven) -> CodeConfirmed:
    """The code as the person tells it, within 15 minutes and 5 tries; then they can be opened until the day ends."""
    return CodeConfirmed(*await codes_of(request).confirm(bearer(request), person, data.code))


HANDLERS = [send_code, confirm_code]


def codes_of(request: DeskRequest) -> Codes:
    """The codes of the door that serves this request."""
    codes: Codes = request.app.state.codes
    return codes
