"""The way into people's own space: an adviser who has somebody before them invites, and holds half of the code.

1. `space_invite_v1` notes the hashes of both halves, for somebody whose record this session opened in the last quarter
   of an hour; it commits before anything is read;
2. `space_address_v1`, in a later transaction, returns the sealed row and a ticket for the address's compartment, once;
3. the keeper gives its key; the address is unsealed here and goes no further than the message with the mailed half,
   which also stands in the fragment of the message's link: no server that is asked for the page sees it;
4. the other half is the answer: it is told or printed, and never mailed.

So a stolen mailbox has one half, the adviser's session the other, and neither is enough.
"""

from typing import NamedTuple
from uuid import UUID

from litestar import post

from cloison.access import mail
from cloison.access.codes import Message
from cloison.access.spaces import both_hash, new_code, new_spoken, read_code
from cloison.client.wire import SpaceInvitation
from cloison.intake.codes import Codes
from cloison.intake.counter import codes_of
from cloison.model import Outcome
from cloison.register.resealing import Register, query
from cloison.store.metered import Bearer
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer
from cloison.web.language import chosen

INVITE = "select cloison.space_invite_v1(%b::text, %b::bytea, %b::text, %b::uuid, %b::bytea, %b::bytea)"
ADDRESS = "select * from cloison.space_address_v1(%b::text, %b::bytea, %b::bytea)"
TEXTS = {
    "en": Message(
        "Your own space",
        "Hello,\n\nthe adviser who is serving you invites you to your own space. You need two halves of a code; this "
        "is the first one:\n\n    {code}\n\nThe second one is the short one that the adviser gives you by hand. Type "
        "both here, within 14 days:\n\n    {address}\n\nTell this half to nobody: we never ask for it.\n\nIf you are "
        "not with one of our advisers, you need not do anything: without the other half this one opens nothing.\n",
    ),
    "fr": Message(
        "Votre espace personnel",
        "Bonjour,\n\nle conseiller qui vous reçoit vous invite dans votre espace personnel. Il vous faut les deux "
        "moitiés d'un code ; voici la première :\n\n    {code}\n\nLa seconde est la plus courte, que le conseiller "
        "vous remet en main propre. Saisissez les deux ici, dans les 14 jours :\n\n    {address}\n\nNe donnez cette "
        "moitié à personne : nous ne la demandons jamais.\n\nSi vous n'êtes pas avec un de nos conseillers, vous "
        "n'avez rien à faire : sans l'autre moitié, celle-ci n'ouvre rien.\n",
    ),
}


@post("/people/{person:uuid}/space-invitation", status_code=200)
async def invite(request: DeskRequest, person: UUID) -> SpaceInvitation:
    """Invite somebody whose record is open before the adviser: half of the code is mailed, the other is the answer."""
    language = chosen(request.headers.get("accept-language"))
    text = TEXTS.get(language, TEXTS["en"])
    origin: str = request.app.state.space_origin
    return await _invited(codes_of(request), bearer(request), person, _Letter(text, language, origin))


HANDLERS = [invite]


class _Letter(NamedTuple):
    """What a mailed half is told with: the text, its language, the space door's origin."""

    text: Message
    language: str
    origin: str

    def with_half(self, code: str) -> Message:
        address = f"{self.origin}/invitation#code={code}"
        return Message(self.text.subject, self.text.text.format(code=code, address=address))


async def _invited(codes: Codes, who: Bearer, person: UUID, letter: _Letter) -> SpaceInvitation:
    register: Register = codes.register
    mail.require_mail(codes.config)
    code, spoken = new_code(who.segment), new_spoken()
    read = read_code(code)
    invited = await query(register, INVITE, (*who, who.segment, person, read.code_hash, both_hash(read, spoken)))
    if invited[0][0] is None:
        return SpaceInvitation(Outcome.SCOPE)
    rows = await query(register, ADDRESS, (*who, read.code_hash))
    address = await codes.address(who, rows[0]) if rows else ""
    if not address:
        return SpaceInvitation(Outcome.OPEN)  # void without its other half: it was told to nobody
    await mail.send(codes.config, address, letter.with_half(code), letter.language)
    return SpaceInvitation(Outcome.OPEN, spoken, invited[0][0])
