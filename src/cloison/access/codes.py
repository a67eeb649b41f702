"""One-time codes for people at the counter: what they are, how they are kept, what the message says. No I/O.

1. A code is 8 random digits, for one person, one session; the newest one holds, for 15 minutes and 5 tries.
2. The database keeps HMAC(key, segment, person, session, digits); the key is the intake door's. So neither the desk's
   login nor a dump can try codes.
3. The message says what the code is for and until when; there is no link in it, and nothing personal in its subject.
"""

import hashlib
import hmac
import secrets
from typing import NamedTuple
from uuid import UUID

from cloison.store.metered import Bearer

DIGITS = 8
MINUTES = 15
KEY_LABEL = b"cloison-code-1"


class Message(NamedTuple):
    """What a person is sent."""

    subject: str
    text: str


TEXTS = {
    "en": Message(
        "Your one-time code",
        "Hello,\n\nthe person who is serving you at our counter asked for this code:\n\n    {code}\n\n"
        "Tell it to them if you are there now; it lets them open your record until the end of the day. It holds for "
        "{minutes} minutes.\n\nIf you are not at one of our counters, somebody else gave your name: tell the code to "
        "nobody, by telephone least of all. You need not do anything else.\n",
    ),
    "fr": Message(
        "Votre code à usage unique",
        "Bonjour,\n\nla personne qui vous reçoit à notre accueil a demandé ce code :\n\n    {code}\n\n"
        "Donnez-le-lui si vous y êtes en ce moment ; il lui permet d'ouvrir votre dossier jusqu'à la fin de la journée."
        " Il est valable {minutes} minutes.\n\nSi vous n'êtes pas à l'un de nos accueils, quelqu'un d'autre a donné "
        "votre nom : ne donnez ce code à personne, surtout pas au téléphone. Vous n'avez rien d'autre à faire.\n",
    ),
}


def new_code() -> str:
    """Eight random digits."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def key_of(intake_secret: str) -> bytes:
    """The key of codes' hashes, from the secret that only the intake door has."""
    return hmac.digest(intake_secret.encode(), KEY_LABEL, "sha256")


def hash_of(key: bytes, who: Bearer, person: UUID, digits: str) -> bytes:
    """What the database keeps of a code."""
    session = hashlib.sha256(who.token).hexdigest()
    return hmac.digest(key, f"{who.segment}|{person}|{session}|{digits}".encode(), "sha256")


def message(digits: str, language: str) -> Message:
    """The message that brings a code, in one of our languages."""
    subject, text = TEXTS.get(language, TEXTS["en"])
    half = DIGITS // 2
    return Message(subject, text.format(code=f"{digits[:half]} {digits[half:]}", minutes=MINUTES))
